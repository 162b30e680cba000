"""A GAN whose prior is a density fitted to the codes, kept beside the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    PartSpec,
    TransferError,
    TransferPlan,
    build_part,
    edit_each,
    memoize,
    normalise,
)
from zoo_transfer.teachers import device_of

__all__ = ["kept_prior", "require_same_latent"]


def kept_prior(
    gan: GAN, part: PartSpec, how: str, fit: Callable[[ApplyContext, PartSpec], Mapping[str, Tensor]], *, seed: int = 0
) -> TransferPlan:
    """The GAN with the prior `part`, whose tensors are fitted once by `fit(context, spec)`; `how` describes the fit. A
    prior with weights is frozen."""
    spec = normalise("prior", part)
    prior = build_part("prior", spec, "prior", gan.latent_dim, seed=seed, device=device_of(gan))
    fitted = memoize(lambda context: {name: value.float() for name, value in fit(context, spec).items()})
    names = list(prior.state_dict())
    frozen = {"prior": set(names)} if list(prior.parameters()) else {}
    after = GAN(prior, gan.generator, gan.discriminator, gan.specs | {"prior": spec})
    return TransferPlan(
        after,
        edit_each("prior", names, "fitted", how, fitted),
        frozen=frozen,
        required_tensors={"prior": set(names)},
    )


def require_same_latent(source: Autoencoder, gan: GAN, whose: str) -> None:
    """Raises TransferError where the GAN's codes have another number of values than the autoencoder's."""
    if source.latent_dim != gan.latent_dim:
        raise TransferError(
            f"{whose}: the autoencoder's codes have {source.latent_dim} values, the GAN's {gan.latent_dim}",
            f"Compose the GAN with latent_dim={source.latent_dim}.",
        )
