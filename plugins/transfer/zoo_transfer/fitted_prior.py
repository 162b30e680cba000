"""A GAN whose prior is a distribution that was fitted to codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.plugin import GAN, ApplyContext, PartSpec, TransferPlan, build_part, edit_each, memoize, normalise
from zoo_transfer.gan_parts import device_of, with_part

__all__ = ["plan_fitted_prior"]


def plan_fitted_prior(
    gan: GAN, part: PartSpec, how: str, fit: Callable[[ApplyContext, PartSpec], Mapping[str, Tensor]], *, seed: int = 0
) -> TransferPlan:
    """The plan of a GAN with the prior `part`, whose state dict `fit(context, spec)` computes once.

    `how` describes the fit in the report. A prior with parameters (a flow) is frozen.
    """
    spec = normalise("prior", part)
    prior = build_part("prior", spec, "prior", gan.code_shape, seed=seed, device=device_of(gan))
    fitted = memoize(lambda context: {name: value.float() for name, value in fit(context, spec).items()})
    names = set(prior.state_dict())
    return TransferPlan(
        with_part(gan, "prior", prior, spec),
        edit_each("prior", prior.state_dict(), "fitted", how, fitted),
        frozen={"prior": set(names)} if list(prior.parameters()) else {},
        required_tensors={"prior": names},
    )
