"""What the core itself offers, through the same entry point as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspecs import hook
from zoo.specs import Component

ZOO_API = 1

_CONFIGS = "zoo.networks.configs"
_LOSSES = "zoo.objectives.configs"


@hook
def zoo_components() -> Iterable[Component]:
    """Bottlenecks, priors, objectives and regularisers."""
    bottlenecks = "zoo.networks.bottlenecks"
    priors = "zoo.networks.priors"
    reconstruction = "zoo.objectives.reconstruction"
    adversarial = "zoo.objectives.adversarial"
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
            "zoo.objectives.regularisers:R1",
            f"{_LOSSES}:R1Config",
            "gradient penalty on real samples",
        ),
    ]
