"""The components of zoo-transfer. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, Kind, hook

ZOO_API = 2

_COMPONENTS: dict[Kind, dict[str, tuple[str, str, str]]] = {
    "transfer": {
        "scratch": ("scratch:Scratch", "controls", "baseline: nothing is transferred"),
        "random-encoder": ("random_encoder:RandomEncoder", "controls", "control: an untrained encoder"),
        "shuffled-init": ("shuffled_init:ShuffledInit", "controls", "control: permuted weights"),
        "autoencoder-prior": (
            "autoencoder_prior:AutoencoderPrior",
            "controls",
            "baseline: decoder and mixture, no GAN",
        ),
        "decoder-init": ("decoder_init:DecoderInit", "weights", "G starts with the decoder's weights"),
        "decoder-distill": ("decoder_distill:DecoderDistill", "weights", "G is first trained on the decoder's images"),
        "encoder-init": ("encoder_init:EncoderInit", "weights", "D starts with the encoder's weights"),
        "freeze-lower": ("freeze_lower:FreezeLower", "weights", "D's first stages are not trained"),
        "gaussian-prior": ("gaussian_prior:FittedGaussian", "priors", "a Gaussian fitted to codes, folded into G"),
        "gmm-prior": ("gmm_prior:FittedMixture", "priors", "a Gaussian mixture fitted to the codes"),
        "flow-prior": ("flow_prior:FittedFlow", "priors", "a normalising flow fitted to the codes"),
        "class-prior": ("class_prior:ClassPrior", "classes", "a Gaussian or mixture a class, fitted to the codes"),
        "class-embedding": ("class_embedding:ClassEmbedding", "classes", "G takes a class: a shift of the code"),
        "class-normalisation": (
            "class_normalisation:ClassNormalisation",
            "classes",
            "G takes a class: gains and shifts of its norms",
        ),
        "class-projection": ("class_projection:ClassProjection", "classes", "D takes a class: projection"),
        "class-auxiliary": ("class_auxiliary:ClassAuxiliary", "classes", "D names classes (AC-GAN)"),
        "feature-concat": ("feature_concat:FeatureConcat", "wrappers", "D gets a head on a frozen encoder"),
        "projected-heads": ("projected_heads:ProjectedHeads", "wrappers", "D gets heads on projected features"),
        "miner": ("miner:Miner", "wrappers", "a small network finds the target's codes for G"),
        "recon-anchor": ("recon_anchor:ReconAnchor", "losses", "G reconstructs real images, with a weight that fades"),
        "feature-moments": ("feature_moments:FeatureMoments", "losses", "moments of features are matched"),
        "denoising-features": ("denoising_features:DenoisingFeatures", "losses", "G's codes are denoised"),
        "feature-distill": ("feature_distill:FeatureDistill", "losses", "D and G predict the autoencoder"),
        "recalibrated-norm": ("recalibrated_norm:RecalibratedNorm", "weights", "G's batch norm, measured again"),
        "l2-sp": ("l2_sp:L2SP", "weights", "the weights' distance from their start is penalised"),
        "ewc": ("ewc:EWC", "weights", "the same, by the weights' Fisher information"),
        "energy": ("energy:Energy", "objectives", "D is the autoencoder (EBGAN, BEGAN)"),
        "latent-gan": ("latent_gan:LatentGAN", "objectives", "a GAN on the codes of the frozen decoder"),
        "pixel-finetune": ("pixel_finetune:PixelFinetune", "finetune", "a GAN of codes, trained end to end in pixels"),
    },
    "discriminator": {
        "feature-concat": ("feature_concat:FeatureDiscriminator", "wrappers", "a head on frozen features"),
        "projected-heads": ("projected_heads:ProjectedDiscriminator", "wrappers", "heads on projected features"),
        "spectral-gain": ("spectral_gain:spectral_gain", "weights:SpectralGainConfig", "spectral norms with a gain"),
        "energy": ("energy:EnergyDiscriminator", "objectives", "an autoencoder's error"),
        "class-projection": ("class_projection:ProjectionDiscriminator", "classes", "any, which takes a class"),
    },
    "generator": {
        "latent-gan": ("latent_gan:LatentGenerator", "objectives", "noise to codes to images"),
        "miner": ("miner:MinedGenerator", "wrappers", "a generator behind a miner"),
        "decoded": ("decoded:DecodedGenerator", "finetune", "a generator of codes before their decoder"),
        "class-embedding": ("class_embedding:EmbeddedGenerator", "classes", "any, which takes a class"),
        "class-normalisation": ("class_normalisation:NormalisedGenerator", "classes", "any with norms, takes a class"),
    },
    "prior": {
        "class-mixture": ("class_prior:ClassMixture", "classes", "fitted, a Gaussian or mixture a class"),
    },
    "objective": {
        "ebgan": ("energy:EBGAN", "objectives", "GAN: energy with a margin"),
        "began": ("energy:BEGAN", "objectives", "GAN: energy, balanced"),
    },
}
"""By kind and name: the class, the module of its config (a class of the same name and `Config`), a summary."""

_CASES: dict[tuple[Kind, str], str] = {
    ("discriminator", "feature-concat"): "with_base_and_encoder",
    ("discriminator", "projected-heads"): "projected",
    ("discriminator", "spectral-gain"): "with_base",
    ("discriminator", "energy"): "energy",
    ("generator", "latent-gan"): "with_generator",
    ("generator", "miner"): "with_generator",
    ("generator", "decoded"): "decoded",
    ("discriminator", "class-projection"): "with_classes_and_base",
    ("generator", "class-embedding"): "with_classes_and_generator",
    ("generator", "class-normalisation"): "with_norms",
    ("prior", "class-mixture"): "class_mixtures",
    ("transfer", "class-prior"): "with_classes",
    ("transfer", "class-embedding"): "with_labels",
    ("transfer", "class-normalisation"): "with_labels",
    ("transfer", "class-projection"): "with_labels",
    ("transfer", "class-auxiliary"): "with_labels_in_g",
    ("transfer", "freeze-lower"): "freeze_lower",
}
"""The function in the module `cases` that gives a component's cases, by kind and name."""

_MIGRATIONS: dict[tuple[Kind, str], str] = {("discriminator", "energy"): "energy"}
"""The function in the module `migrations` that translates a component's settings of earlier versions."""


@hook
def zoo_components() -> Iterable[Component]:
    """The strategies, and the networks and losses that some of them put into a GAN."""
    return [
        Component(
            kind,
            name,
            f"zoo_transfer.{target}",
            f"zoo_transfer.configs.{_config(target, module)}",
            summary,
            migrate=f"zoo_transfer.migrations:{_MIGRATIONS[kind, name]}" if (kind, name) in _MIGRATIONS else "",
            cases=f"zoo_transfer.cases:{_CASES[kind, name]}" if (kind, name) in _CASES else "",
        )
        for kind, rows in _COMPONENTS.items()
        for name, (target, module, summary) in rows.items()
    ]


def _config(target: str, module: str) -> str:
    return module if ":" in module else f"{module}:{target.partition(':')[2]}Config"
