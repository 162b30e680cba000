"""A normalising flow fitted to the codes of the target's images."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_part
from zoo.networks.flows import FlowPrior
from zoo.networks.gan import GAN
from zoo.networks.seeds import stream
from zoo.plugins import normalise
from zoo.protocols import Edit, Slot, Source, Transfer, Values
from zoo.specs import PartSpec
from zoo.transfers.fits import once
from zoo_transfer.config import FlowPriorConfig
from zoo_transfer.teachers import device_of

__all__ = ["FittedFlow", "fit_flow"]


class FittedFlow:
    """q(z) by maximum likelihood with affine couplings (RealNVP: Dinh et al. 2017) on the codes. It is kept as the
    GAN's prior `core/flow`, frozen."""

    fills = frozenset({Slot.PRIOR})
    uses = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: FlowPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """Edits of every tensor of the flow."""
        if source.latent_dim != gan.latent_dim:
            raise TransferError(
                f"the autoencoder's codes have {source.latent_dim} values, the GAN's {gan.latent_dim}",
                f"Compose the GAN with latent_dim={source.latent_dim}.",
            )
        config = self.config
        spec = normalise("prior", PartSpec("core/flow", {"layers": config.layers, "width": config.width}))
        prior = build_part("prior", spec, "prior", gan.latent_dim, seed=config.seed, device=device_of(gan))

        def fitted_state(values: Values) -> dict[str, Tensor]:
            fresh = build_part("prior", spec, "prior", gan.latent_dim, seed=config.seed)
            assert isinstance(fresh, FlowPrior)
            return fit_flow(fresh, values.codes(), config).state_dict()

        fitted = once(fitted_state)

        def edit(tensor: str) -> Edit:
            def value(values: Values) -> Tensor:
                return fitted(values)[tensor]

            return Edit("prior", tensor, "fitted", "flow fitted to the codes", value)

        names = set(prior.state_dict())
        after = GAN(prior, gan.generator, gan.discriminator, gan.specs | {"prior": spec})
        edits = [edit(name) for name in prior.state_dict()]
        return Transfer(after, edits, frozen={"prior": names}, promised={"prior": set(names)})

    def neutral(self) -> None:
        """None: no setting makes a fitted flow N(0, I) for every autoencoder."""


def fit_flow(prior: FlowPrior, codes: Tensor, config: FlowPriorConfig) -> FlowPrior:
    """Maximise the likelihood of codes (N, d) with Adam. Raises TransferError for codes that are not finite numbers."""
    if not torch.isfinite(codes).all():
        raise TransferError("the autoencoder gives codes that are not finite numbers", "Check it: zoo verify NAME")
    rng = stream(config.seed, "flow-prior")
    prior.mean.copy_(codes.mean(0))
    prior.scale.copy_(codes.std(0, unbiased=False).clamp(min=1e-6))
    adam = torch.optim.Adam(prior.parameters(), config.learning_rate)
    with torch.enable_grad():
        for _ in range(config.steps):
            batch = codes[torch.randint(len(codes), (config.batch,), generator=rng)]
            loss = -prior.log_density(batch).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return prior
