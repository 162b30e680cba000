"""The components of zoo itself, offered through the same entry point as those of any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugins.hookspecs import hook
from zoo.types import Component, Kind

ZOO_API = 2

_PACKAGES: dict[Kind, str] = {
    "bottleneck": "zoo.networks",
    "prior": "zoo.networks",
    "objective": "zoo.losses",
    "regulariser": "zoo.losses",
    "metric": "zoo.metrics",
}
"""Each kind's package; the configs are in its module `configs`."""

# kind, name, target, config, summary
_COMPONENTS: tuple[tuple[Kind, str, str, str, str], ...] = (
    ("bottleneck", "identity", "bottlenecks:IdentityBottleneck", "NoConfig", "embedding = code"),
    ("bottleneck", "linear", "bottlenecks:LinearBottleneck", "NoConfig", "an affine map"),
    ("bottleneck", "gaussian", "bottlenecks:GaussianBottleneck", "NoConfig", "mean and variance"),
    ("prior", "normal", "priors:NormalPrior", "NormalPriorConfig", "N(0, I)"),
    ("prior", "gaussian", "priors:GaussianPrior", "GaussianPriorConfig", "fitted, full covariance"),
    ("prior", "gmm", "priors:MixturePrior", "MixturePriorConfig", "fitted Gaussian mixture"),
    ("prior", "low-rank", "priors:LowRankPrior", "LowRankPriorConfig", "fitted, low-rank covariances"),
    ("prior", "uniform", "priors:UniformPrior", "UniformPriorConfig", "uniform in a cube"),
    ("prior", "truncated", "priors:TruncatedPrior", "TruncatedPriorConfig", "N(0, I) within a threshold"),
    ("prior", "flow", "flows:FlowPrior", "FlowPriorConfig", "fitted normalising flow (RealNVP)"),
    ("objective", "ae", "reconstruction:MeanSquaredError", "ReconstructionConfig", "autoencoder: MSE"),
    ("objective", "vae", "reconstruction:Variational", "VariationalConfig", "autoencoder: ELBO"),
    (
        "objective",
        "wae-mmd",
        "reconstruction:MatchedCodes",
        "MatchedCodesConfig",
        "autoencoder: codes matched to N(0, I) by MMD",
    ),
    ("objective", "rae", "reconstruction:Regularised", "RegularisedConfig", "autoencoder: regularised, deterministic"),
    (
        "objective",
        "perceptual",
        "reconstruction:Perceptual",
        "PerceptualConfig",
        "autoencoder: error in a frozen encoder's features",
    ),
    (
        "objective",
        "aae",
        "adversaries:AdversarialCodes",
        "AdversarialCodesConfig",
        "autoencoder: codes matched to N(0, I) by a critic",
    ),
    (
        "objective",
        "vae-gan",
        "adversaries:AdversarialVariational",
        "AdversarialVariationalConfig",
        "autoencoder: ELBO in a discriminator's features",
    ),
    ("objective", "non-saturating", "adversarial:NonSaturating", "NonSaturatingConfig", "GAN: Goodfellow et al. 2014"),
    ("objective", "relativistic", "adversarial:Relativistic", "RelativisticConfig", "GAN: paired softplus"),
    ("objective", "hinge", "adversarial:Hinge", "HingeConfig", "GAN: hinge"),
    ("objective", "least-squares", "adversarial:LeastSquares", "LeastSquaresConfig", "GAN: Mao et al. 2017"),
    ("objective", "wasserstein", "adversarial:Wasserstein", "WassersteinConfig", "GAN: difference of means"),
    ("regulariser", "r1", "regularisers:R1", "R1Config", "gradient penalty on real samples"),
    ("regulariser", "r2", "regularisers:R2", "R1Config", "gradient penalty on generated samples"),
    ("regulariser", "r1-r2", "regularisers:R1R2", "R1Config", "gradient penalty on both"),
    (
        "regulariser",
        "gradient-penalty",
        "regularisers:GradientPenalty",
        "GradientPenaltyConfig",
        "gradients of norm 1 in between (WGAN-GP)",
    ),
    (
        "regulariser",
        "consistency",
        "regularisers:Consistency",
        "ConsistencyConfig",
        "logits do not change under augmentation",
    ),
    (
        "metric",
        "inception",
        "inception:Inception",
        "InceptionConfig",
        "Inception v3 of torch-fidelity: the FID and KID of papers",
    ),
)

_CASES = {"perceptual": "zoo.losses.configs:perceptual_cases"}
"""The cases of components that have no default for a setting, by name."""


@hook
def zoo_components() -> Iterable[Component]:
    """Bottlenecks, priors, objectives, regularisers and a feature space."""
    return [
        Component(
            kind,
            name,
            f"{_PACKAGES[kind]}.{target}",
            f"{_PACKAGES[kind]}.configs:{config}",
            summary,
            cases=_CASES.get(name, ""),
        )
        for kind, name, target, config, summary in _COMPONENTS
    ]
