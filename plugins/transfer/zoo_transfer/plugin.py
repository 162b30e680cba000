"""What this distribution offers."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, Kind, hook

ZOO_API = 2

_OFFERS: tuple[tuple[Kind, str, str, str, str], ...] = (
    ("transfer", "scratch", "scratch:Scratch", "controls:ScratchConfig", "nothing: the control"),
    (
        "transfer",
        "random-encoder",
        "random_encoder:RandomEncoder",
        "controls:RandomEncoderConfig",
        "control: an untrained encoder in the encoder's place",
    ),
    (
        "transfer",
        "shuffled-init",
        "shuffled_init:ShuffledInit",
        "controls:ShuffledInitConfig",
        "control: the autoencoder's weights in another order",
    ),
    (
        "transfer",
        "autoencoder-prior",
        "autoencoder_prior:AutoencoderPrior",
        "controls:AutoencoderPriorConfig",
        "baseline: decoder and fitted mixture, no GAN",
    ),
    (
        "transfer",
        "decoder-init",
        "decoder_init:DecoderInit",
        "weights:DecoderInitConfig",
        "the decoder's weights become the generator's",
    ),
    (
        "transfer",
        "decoder-distill",
        "decoder_distill:DecoderDistill",
        "weights:DecoderDistillConfig",
        "a generator of any structure learns the decoder's images first",
    ),
    (
        "transfer",
        "encoder-init",
        "encoder_init:EncoderInit",
        "weights:EncoderInitConfig",
        "the encoder's weights become the discriminator's trunk",
    ),
    (
        "transfer",
        "freeze-lower",
        "freeze_lower:FreezeLower",
        "weights:FreezeLowerConfig",
        "the discriminator's first stages do not learn",
    ),
    (
        "transfer",
        "gaussian-prior",
        "gaussian_prior:FittedGaussian",
        "priors:GaussianPriorConfig",
        "a Gaussian fitted to the codes, folded into G",
    ),
    (
        "transfer",
        "gmm-prior",
        "gmm_prior:FittedMixture",
        "priors:MixturePriorConfig",
        "a Gaussian mixture fitted to the codes",
    ),
    (
        "transfer",
        "flow-prior",
        "flow_prior:FittedFlow",
        "priors:FlowPriorConfig",
        "a normalising flow fitted to the codes",
    ),
    (
        "transfer",
        "feature-concat",
        "feature_concat:FeatureConcat",
        "discriminators:FeatureConcatConfig",
        "frozen encoder features beside D's own",
    ),
    (
        "transfer",
        "projected-heads",
        "projected_heads:ProjectedHeads",
        "discriminators:ProjectedHeadsConfig",
        "heads on projections of frozen encoder stages, beside D",
    ),
    ("transfer", "miner", "miner:Miner", "discriminators:MinerConfig", "a small net before G finds the target's codes"),
    (
        "transfer",
        "recon-anchor",
        "recon_anchor:ReconAnchor",
        "losses:ReconAnchorConfig",
        "G keeps reconstructing through the encoder, fading",
    ),
    (
        "transfer",
        "feature-moments",
        "feature_moments:FeatureMoments",
        "losses:FeatureMomentsConfig",
        "means and variances of encoder features are matched",
    ),
    (
        "transfer",
        "denoising-features",
        "denoising_features:DenoisingFeatures",
        "losses:DenoisingFeaturesConfig",
        "G's codes are pulled to where real codes lie",
    ),
    (
        "transfer",
        "feature-distill",
        "feature_distill:FeatureDistill",
        "losses:FeatureDistillConfig",
        "D learns the encoder's features, G the decoder's images",
    ),
    (
        "transfer",
        "recalibrated-norm",
        "recalibrated_norm:RecalibratedNorm",
        "weights:RecalibratedNormConfig",
        "the generator's batch norm measured on the prior",
    ),
    ("transfer", "l2-sp", "anchors:StartingPoint", "weights:StartingPointConfig", "weights held near their start"),
    (
        "transfer",
        "ewc",
        "anchors:ElasticWeights",
        "weights:ElasticConfig",
        "weights held near their start, by importance",
    ),
    (
        "transfer",
        "energy",
        "energy:Energy",
        "objectives:EnergyConfig",
        "the autoencoder is the discriminator (EBGAN, BEGAN)",
    ),
    (
        "transfer",
        "latent-gan",
        "latent_gan:LatentGan",
        "objectives:LatentGanConfig",
        "a GAN on the codes of the frozen decoder",
    ),
    (
        "discriminator",
        "feature-concat",
        "feature_concat:FeatureDiscriminator",
        "discriminators:FeatureDiscriminatorConfig",
        "a discriminator with a head on a frozen encoder",
    ),
    (
        "discriminator",
        "projected-heads",
        "projected_heads:ProjectedDiscriminator",
        "discriminators:ProjectedDiscriminatorConfig",
        "a discriminator with heads on a frozen encoder's projections",
    ),
    (
        "discriminator",
        "spectral-gain",
        "spectral_gain:spectral_gain",
        "weights:SpectralGainConfig",
        "a discriminator whose spectral norms keep a gain",
    ),
    (
        "discriminator",
        "energy",
        "energy:EnergyDiscriminator",
        "objectives:EnergyDiscriminatorConfig",
        "an autoencoder's error",
    ),
    (
        "generator",
        "latent-gan",
        "latent_gan:LatentGenerator",
        "objectives:LatentGeneratorConfig",
        "a generator behind a map of noise to codes",
    ),
    ("generator", "miner", "miner:MinedGenerator", "discriminators:MinedGeneratorConfig", "a generator behind a miner"),
    ("objective", "ebgan", "energy:Ebgan", "objectives:EbganConfig", "GAN: energy with a margin"),
    ("objective", "began", "energy:Began", "objectives:BeganConfig", "GAN: energy, balanced"),
)
"""Kind, name, module and class, config, summary."""


@hook
def zoo_components() -> Iterable[Component]:
    """The strategies, and the networks and losses that some of them put into a GAN."""
    return [
        Component(kind, name, f"zoo_transfer.{target}", f"zoo_transfer.configs.{config}", summary)
        for kind, name, target, config, summary in _OFFERS
    ]
