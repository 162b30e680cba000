"""The components of zoo-transfer. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, Kind, hook

ZOO_API = 2

_COMPONENTS: dict[Kind, dict[str, tuple[str, str, str]]] = {
    "transfer": {
        "scratch": ("scratch:Scratch", "controls:ScratchConfig", "baseline: nothing is transferred"),
        "random-encoder": (
            "random_encoder:RandomEncoder",
            "controls:RandomEncoderConfig",
            "control: an untrained encoder",
        ),
        "shuffled-init": ("shuffled_init:ShuffledInit", "controls:ShuffledInitConfig", "control: permuted weights"),
        "autoencoder-prior": (
            "autoencoder_prior:AutoencoderPrior",
            "controls:AutoencoderPriorConfig",
            "baseline: decoder and mixture, no GAN",
        ),
        "decoder-init": (
            "decoder_init:DecoderInit",
            "weights:DecoderInitConfig",
            "G starts with the decoder's weights",
        ),
        "decoder-distill": (
            "decoder_distill:DecoderDistill",
            "weights:DecoderDistillConfig",
            "G is first trained on the decoder's images",
        ),
        "encoder-init": (
            "encoder_init:EncoderInit",
            "weights:EncoderInitConfig",
            "D starts with the encoder's weights",
        ),
        "freeze-lower": ("freeze_lower:FreezeLower", "weights:FreezeLowerConfig", "D's first stages are not trained"),
        "gaussian-prior": (
            "gaussian_prior:FittedGaussian",
            "priors:GaussianPriorConfig",
            "a Gaussian fitted to codes, folded into G",
        ),
        "gmm-prior": ("gmm_prior:FittedMixture", "priors:MixturePriorConfig", "a Gaussian mixture fitted to the codes"),
        "flow-prior": ("flow_prior:FittedFlow", "priors:FlowPriorConfig", "a normalising flow fitted to the codes"),
        "feature-concat": (
            "feature_concat:FeatureConcat",
            "wrappers:FeatureConcatConfig",
            "D gets a head on a frozen encoder",
        ),
        "projected-heads": (
            "projected_heads:ProjectedHeads",
            "wrappers:ProjectedHeadsConfig",
            "D gets heads on projected features",
        ),
        "miner": ("miner:Miner", "wrappers:MinerConfig", "a small network finds the target's codes for G"),
        "recon-anchor": (
            "recon_anchor:ReconAnchor",
            "losses:ReconAnchorConfig",
            "G reconstructs real images, with a weight that fades",
        ),
        "feature-moments": (
            "feature_moments:FeatureMoments",
            "losses:FeatureMomentsConfig",
            "moments of features are matched",
        ),
        "denoising-features": (
            "denoising_features:DenoisingFeatures",
            "losses:DenoisingFeaturesConfig",
            "G's codes are denoised",
        ),
        "feature-distill": (
            "feature_distill:FeatureDistill",
            "losses:FeatureDistillConfig",
            "D and G predict the autoencoder",
        ),
        "recalibrated-norm": (
            "recalibrated_norm:RecalibratedNorm",
            "weights:RecalibratedNormConfig",
            "G's batch norm, measured again",
        ),
        "l2-sp": ("l2_sp:L2SP", "weights:L2SPConfig", "the weights' distance from their start is penalised"),
        "ewc": ("ewc:EWC", "weights:EWCConfig", "the same, by the weights' Fisher information"),
        "energy": ("energy:Energy", "objectives:EnergyConfig", "D is the autoencoder (EBGAN, BEGAN)"),
        "latent-gan": (
            "latent_gan:LatentGAN",
            "objectives:LatentGANConfig",
            "a GAN on the codes of the frozen decoder",
        ),
    },
    "discriminator": {
        "feature-concat": (
            "feature_concat:FeatureDiscriminator",
            "wrappers:FeatureDiscriminatorConfig",
            "a head on frozen features",
        ),
        "projected-heads": (
            "projected_heads:ProjectedDiscriminator",
            "wrappers:ProjectedDiscriminatorConfig",
            "heads on projected features",
        ),
        "spectral-gain": ("spectral_gain:spectral_gain", "weights:SpectralGainConfig", "spectral norms with a gain"),
        "energy": ("energy:EnergyDiscriminator", "objectives:EnergyDiscriminatorConfig", "an autoencoder's error"),
    },
    "generator": {
        "latent-gan": ("latent_gan:LatentGenerator", "objectives:LatentGeneratorConfig", "noise to codes to images"),
        "miner": ("miner:MinedGenerator", "wrappers:MinedGeneratorConfig", "a generator behind a miner"),
    },
    "objective": {
        "ebgan": ("energy:EBGAN", "objectives:EBGANConfig", "GAN: energy with a margin"),
        "began": ("energy:BEGAN", "objectives:BEGANConfig", "GAN: energy, balanced"),
    },
}
"""By kind and name: module and class, config, summary."""


@hook
def zoo_components() -> Iterable[Component]:
    """The strategies, and the networks and losses that some of them put into a GAN."""
    return [
        Component(kind, name, f"zoo_transfer.{target}", f"zoo_transfer.configs.{config}", summary)
        for kind, rows in _COMPONENTS.items()
        for name, (target, config, summary) in rows.items()
    ]
