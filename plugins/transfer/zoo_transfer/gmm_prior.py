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
    evenly_spread,
    fit_mixture,
    full_cost,
    stream,
)
from zoo_transfer.configs.priors import FittedMixtureConfig
from zoo_transfer.fitted_prior import low_rank_of, plan_fitted_prior, plan_low_rank_prior
from zoo_transfer.gan_parts import require_same_latent

__all__ = ["FittedMixture"]


class FittedMixture(TransferStrategy):
    """q(z) = sum_k w_k N(mu_k, S_k), fitted to the codes by expectation-maximisation (Ghosh et al. 2020: ten
    components beat a VAE's N(0, I) on every data set of theirs). It becomes the GAN's prior `core/gmm`, or
    `core/low-rank` if the covariances have a rank."""

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: FittedMixtureConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the prior's weights, means and covariances."""
        require_same_latent(source, gan, "gmm-prior")
        config = self.config
        rank = low_rank_of(config.rank, gan.code_size, config.components)
        if rank is not None:
            return plan_low_rank_prior(gan, config, rank)

        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            rng, shrinkage, ridge = stream(config.seed, "gmm-prior"), config.shrinkage, config.ridge
            codes = evenly_spread(context.codes(), config.max_codes).flatten(1)
            mixture = fit_mixture(codes, config.components, rng, shrinkage=shrinkage, ridge=ridge)
            return {"weights": mixture.weights, "means": mixture.means, "scales": mixture.scales}

        part = PartSpec("core/gmm", {"components": config.components})
        how = f"mixture of {config.components} fitted to the codes"
        return plan_fitted_prior(
            gan,
            part,
            how,
            fit,
            lambda images: full_cost(min(images, config.max_codes), gan.code_size, config.components),
        )

    def noop_config(self) -> None:
        """None: no setting makes a fitted mixture N(0, I) for every autoencoder."""
