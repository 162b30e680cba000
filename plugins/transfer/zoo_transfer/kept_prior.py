"""A GAN whose prior is a density fitted to the codes, kept beside the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_part
from zoo.networks.gan import GAN
from zoo.plugins import normalise
from zoo.transfers.density import memoize
from zoo.transfers.plan import ApplyContext, Edit, TransferPlan
from zoo.types import PartSpec
from zoo_transfer.teachers import device_of

__all__ = ["kept_prior", "require_same_latent"]


def kept_prior(
    gan: GAN, part: PartSpec, how: str, fit: Callable[[ApplyContext, PartSpec], Mapping[str, Tensor]], *, seed: int = 0
) -> TransferPlan:
    """The GAN with the prior `part`, every tensor of it an edit `how` of what `fit` finds once (it is given the whole
    spec). A prior with weights is frozen."""
    spec = normalise("prior", part)
    prior = build_part("prior", spec, "prior", gan.latent_dim, seed=seed, device=device_of(gan))
    fitted = memoize(lambda values: fit(values, spec))

    def edit(tensor: str) -> Edit:
        def value(values: ApplyContext) -> Tensor:
            return fitted(values)[tensor].float()

        return Edit("prior", tensor, "fitted", how, value)

    names = list(prior.state_dict())
    frozen = {"prior": set(names)} if list(prior.parameters()) else {}
    after = GAN(prior, gan.generator, gan.discriminator, gan.specs | {"prior": spec})
    return TransferPlan(after, [edit(name) for name in names], frozen=frozen, required_tensors={"prior": set(names)})


def require_same_latent(source: Autoencoder, gan: GAN, whose: str) -> None:
    """Raises TransferError where the GAN's codes have another number of values than the autoencoder's."""
    if source.latent_dim != gan.latent_dim:
        raise TransferError(
            f"{whose}: the autoencoder's codes have {source.latent_dim} values, the GAN's {gan.latent_dim}",
            f"Compose the GAN with latent_dim={source.latent_dim}.",
        )
