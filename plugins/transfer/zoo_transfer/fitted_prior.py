"""A GAN whose prior is a distribution that was fitted to codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    FitCost,
    PartSpec,
    TransferPlan,
    build_part,
    edit_each,
    evenly_spread,
    fit_low_rank,
    low_rank_cost,
    memoize,
    normalise,
    refuse_costly,
    stream,
)
from zoo_transfer.configs.priors import FittedMixtureConfig
from zoo_transfer.gan_parts import device_of

__all__ = ["low_rank_of", "plan_fitted_prior", "plan_low_rank_prior"]

_MOST_NUMBERS = 2**22
"""Of full covariances (16 MiB of float32): with more of them, releases and samples are dominated by the prior."""
_RANK = 32


def plan_fitted_prior(
    gan: GAN,
    part: PartSpec,
    how: str,
    fit: Callable[[ApplyContext, PartSpec], Mapping[str, Tensor]],
    cost: Callable[[int], FitCost],
    *,
    seed: int = 0,
) -> TransferPlan:
    """The plan of a GAN with the prior `part`, whose state dict `fit(context, spec)` computes once.

    `how` describes the fit in the report, `cost` gives its cost for a number of images. A prior with parameters (a
    flow) is frozen. Raises TransferError if the fit is too costly for any number of images.
    """
    refuse_costly(how, cost(1))
    spec = normalise("prior", part)
    prior = build_part("prior", spec, "prior", gan.code_shape, seed=seed, device=device_of(gan))
    fitted = memoize(lambda context: {name: value.float() for name, value in fit(context, spec).items()})
    names = set(prior.state_dict())
    return TransferPlan(
        gan.with_part("prior", prior, spec),
        edit_each("prior", prior.state_dict(), "fitted", how, fitted),
        frozen={"prior": set(names)} if list(prior.parameters()) else {},
        required_tensors={"prior": names},
        fit_costs={how: cost},
    )


def low_rank_of(rank: int | str, values: int, components: int) -> int | None:
    """The rank of the covariances of a mixture over codes of `values` values; None for full covariances."""
    if isinstance(rank, int):
        return rank
    return None if rank == "full" or components * values**2 <= _MOST_NUMBERS else _RANK


def plan_low_rank_prior(gan: GAN, config: FittedMixtureConfig, rank: int) -> TransferPlan:
    """The plan of a GAN with the prior `core/low-rank`, fitted to the codes."""
    k, most = config.components, config.max_codes

    def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
        rng, codes = stream(config.seed, "gmm-prior"), evenly_spread(context.codes(), most).flatten(1)
        fitted = fit_low_rank(codes, k, rank, rng, shrinkage=config.shrinkage, ridge=config.ridge)
        return {name: value for name, value in fitted._asdict().items() if name != "history"}

    what = "gaussian" if k == 1 else f"mixture of {k}"
    part = PartSpec("core/low-rank", {"components": k, "rank": rank})
    return plan_fitted_prior(
        gan,
        part,
        f"{what} of rank {rank} fitted to the codes",
        fit,
        lambda images: low_rank_cost(min(images, most), gan.code_size, k, rank),
    )
