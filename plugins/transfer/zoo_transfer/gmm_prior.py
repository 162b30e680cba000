"""A mixture of Gaussians fitted to the codes of the target's images."""

from __future__ import annotations

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_part
from zoo.networks.gan import GAN
from zoo.networks.seeds import stream
from zoo.plugins import normalise
from zoo.protocols import Edit, Slot, Source, Transfer, Values
from zoo.specs import PartSpec
from zoo.transfers.fits import fit_mixture, once
from zoo_transfer.config import MixturePriorConfig

__all__ = ["FittedMixture"]


class FittedMixture:
    """q(z) ~ sum_k w_k N(mu_k, S_k) by expectation-maximisation on the codes (Ghosh et al. 2020: ten
    components beat a VAE's N(0, I) on every set they tried). It is kept as the GAN's prior `core/gmm`."""

    fills = frozenset({Slot.PRIOR})
    uses = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: MixturePriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """Edits of the prior's three buffers."""
        if source.latent_dim != gan.latent_dim:
            raise TransferError(
                f"the autoencoder's codes have {source.latent_dim} values, the GAN's {gan.latent_dim}",
                f"Compose the GAN with latent_dim={source.latent_dim}.",
            )
        config = self.config
        spec = normalise("prior", PartSpec("core/gmm", {"components": config.components}))
        device = next(gan.generator.parameters()).device.type
        prior = build_part("prior", spec, "prior", gan.latent_dim, device=device)
        fitted = once(
            lambda values: fit_mixture(
                values.codes(),
                config.components,
                stream(config.seed, "gmm-prior"),
                shrinkage=config.shrinkage,
                ridge=config.ridge,
            )
        )

        def edit(tensor: str) -> Edit:
            def value(values: Values):  # type: ignore[no-untyped-def]
                return getattr(fitted(values), tensor).float()

            return Edit("prior", tensor, "fitted", f"mixture of {config.components} fitted to the codes", value)

        names = ("weights", "means", "scales")
        after = GAN(prior, gan.generator, gan.discriminator, gan.specs | {"prior": spec})
        return Transfer(after, [edit(name) for name in names], promised={"prior": set(names)})

    def neutral(self) -> None:
        """None: no setting makes a fitted mixture N(0, I) for every autoencoder."""
