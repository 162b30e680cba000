"""A mixture of Gaussians fitted to the codes of the target's images, as the GAN's prior."""

from __future__ import annotations

from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    PartSpec,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    fit_mixture,
    stream,
)
from zoo_transfer.configs.priors import FittedMixtureConfig
from zoo_transfer.fitted_prior import plan_fitted_prior
from zoo_transfer.gan_parts import require_same_latent

__all__ = ["FittedMixture"]


class FittedMixture(TransferStrategy):
    """q(z) = sum_k w_k N(mu_k, S_k), fitted to the codes by expectation-maximisation (Ghosh et al. 2020: ten
    components beat a VAE's N(0, I) on every data set of theirs). It becomes the GAN's prior `core/gmm`."""

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: FittedMixtureConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the prior's weights, means and scales."""
        require_same_latent(source, gan, "gmm-prior")
        config = self.config

        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            rng, shrinkage, ridge = stream(config.seed, "gmm-prior"), config.shrinkage, config.ridge
            codes = context.codes().flatten(1)
            mixture = fit_mixture(codes, config.components, rng, shrinkage=shrinkage, ridge=ridge)
            return {"weights": mixture.weights, "means": mixture.means, "scales": mixture.scales}

        part = PartSpec("core/gmm", {"components": config.components})
        return plan_fitted_prior(gan, part, f"mixture of {config.components} fitted to the codes", fit)

    def noop_config(self) -> None:
        """None: no setting makes a fitted mixture N(0, I) for every autoencoder."""
