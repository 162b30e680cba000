"""What the core itself offers, through the same entry point as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugins.hookspecs import hook
from zoo.types import Component

ZOO_API = 1

_CONFIGS = "zoo.networks.configs"
_LOSSES = "zoo.losses.configs"


@hook
def zoo_components() -> Iterable[Component]:
    """Bottlenecks, priors, objectives, regularisers and a feature space."""
    bottlenecks = "zoo.networks.bottlenecks"
    priors = "zoo.networks.priors"
    reconstruction = "zoo.losses.reconstruction"
    adversarial = "zoo.losses.adversarial"
    return [
        Component(
            "bottleneck", "identity", f"{bottlenecks}:IdentityBottleneck", f"{_CONFIGS}:NoConfig", "embedding = code"
        ),
        Component("bottleneck", "linear", f"{bottlenecks}:LinearBottleneck", f"{_CONFIGS}:NoConfig", "an affine map"),
        Component(
            "bottleneck", "gaussian", f"{bottlenecks}:GaussianBottleneck", f"{_CONFIGS}:NoConfig", "mean and variance"
        ),
        Component("prior", "normal", f"{priors}:NormalPrior", f"{_CONFIGS}:NormalPriorConfig", "N(0, I)"),
        Component(
            "prior", "gaussian", f"{priors}:GaussianPrior", f"{_CONFIGS}:GaussianPriorConfig", "fitted, full covariance"
        ),
        Component(
            "prior", "gmm", f"{priors}:MixturePrior", f"{_CONFIGS}:MixturePriorConfig", "fitted Gaussian mixture"
        ),
        Component("prior", "uniform", f"{priors}:UniformPrior", f"{_CONFIGS}:UniformPriorConfig", "uniform in a cube"),
        Component(
            "prior",
            "truncated",
            f"{priors}:TruncatedPrior",
            f"{_CONFIGS}:TruncatedPriorConfig",
            "N(0, I) within a threshold",
        ),
        Component(
            "prior",
            "flow",
            "zoo.networks.flows:FlowPrior",
            f"{_CONFIGS}:FlowPriorConfig",
            "fitted normalising flow (RealNVP)",
        ),
        Component(
            "objective",
            "ae",
            f"{reconstruction}:MeanSquaredError",
            f"{_LOSSES}:ReconstructionConfig",
            "autoencoder: MSE",
        ),
        Component(
            "objective", "vae", f"{reconstruction}:Variational", f"{_LOSSES}:VariationalConfig", "autoencoder: ELBO"
        ),
        Component(
            "objective",
            "non-saturating",
            f"{adversarial}:NonSaturating",
            f"{_LOSSES}:NonSaturatingConfig",
            "GAN: Goodfellow et al. 2014",
        ),
        Component(
            "objective",
            "relativistic",
            f"{adversarial}:Relativistic",
            f"{_LOSSES}:RelativisticConfig",
            "GAN: paired softplus",
        ),
        Component(
            "regulariser",
            "r1",
            "zoo.losses.regularisers:R1",
            f"{_LOSSES}:R1Config",
            "gradient penalty on real samples",
        ),
        Component(
            "objective",
            "wae-mmd",
            "zoo.losses.reconstruction:MatchedCodes",
            f"{_LOSSES}:MatchedCodesConfig",
            "autoencoder: codes matched to N(0, I) by MMD",
        ),
        Component(
            "objective",
            "rae",
            "zoo.losses.reconstruction:Regularised",
            f"{_LOSSES}:RegularisedConfig",
            "autoencoder: regularised, deterministic",
        ),
        Component(
            "objective",
            "perceptual",
            "zoo.losses.reconstruction:Perceptual",
            f"{_LOSSES}:PerceptualConfig",
            "autoencoder: error in a frozen encoder's features",
        ),
        Component(
            "objective",
            "aae",
            "zoo.losses.adversaries:AdversarialCodes",
            f"{_LOSSES}:AdversarialCodesConfig",
            "autoencoder: codes matched to N(0, I) by a critic",
        ),
        Component(
            "objective",
            "vae-gan",
            "zoo.losses.adversaries:AdversarialVariational",
            f"{_LOSSES}:AdversarialVariationalConfig",
            "autoencoder: ELBO in a discriminator's features",
        ),
        Component("objective", "hinge", "zoo.losses.adversarial:Hinge", f"{_LOSSES}:HingeConfig", "GAN: hinge"),
        Component(
            "objective",
            "least-squares",
            "zoo.losses.adversarial:LeastSquares",
            f"{_LOSSES}:LeastSquaresConfig",
            "GAN: Mao et al. 2017",
        ),
        Component(
            "objective",
            "wasserstein",
            "zoo.losses.adversarial:Wasserstein",
            f"{_LOSSES}:WassersteinConfig",
            "GAN: difference of means",
        ),
        Component(
            "regulariser",
            "r2",
            "zoo.losses.regularisers:R2",
            f"{_LOSSES}:R1Config",
            "gradient penalty on generated samples",
        ),
        Component(
            "regulariser",
            "r1-r2",
            "zoo.losses.regularisers:R1R2",
            f"{_LOSSES}:R1Config",
            "gradient penalty on both",
        ),
        Component(
            "regulariser",
            "gradient-penalty",
            "zoo.losses.regularisers:GradientPenalty",
            f"{_LOSSES}:GradientPenaltyConfig",
            "gradients of norm 1 in between (WGAN-GP)",
        ),
        Component(
            "regulariser",
            "consistency",
            "zoo.losses.regularisers:Consistency",
            f"{_LOSSES}:ConsistencyConfig",
            "logits do not change under augmentation",
        ),
        Component(
            "metric",
            "inception",
            "zoo.metrics.inception:Inception",
            "zoo.metrics.configs:InceptionConfig",
            "Inception v3 of torch-fidelity: the FID and KID of papers",
        ),
    ]
