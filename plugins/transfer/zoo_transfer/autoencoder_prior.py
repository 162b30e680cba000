"""The baseline that a GAN must beat: the decoder fed by a density fitted to its codes."""

from __future__ import annotations

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.layer_mapping import told_apart
from zoo.transfers.plan import Slot, Source, Transfer
from zoo.transfers.weight_mapping import carry
from zoo_transfer.configs.controls import AutoencoderPriorConfig
from zoo_transfer.configs.priors import MixturePriorConfig
from zoo_transfer.gmm_prior import FittedMixture

__all__ = ["AutoencoderPrior"]


class AutoencoderPrior:
    """G = Dec, z from a mixture of Gaussians fitted to the codes, and no GAN: neither side learns (Ghosh et al. 2020,
    "From variational to deterministic autoencoders")."""

    fills = frozenset({Slot.GENERATOR, Slot.DISCRIMINATOR, Slot.PRIOR, Slot.FREEZE})
    uses = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: AutoencoderPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """The decoder's weights, the prior's three buffers, and everything frozen."""
        config = self.config
        edits = carry(source.decoder, "decoder", gan.generator, "generator")
        mixture = MixturePriorConfig(config.components, config.shrinkage, config.ridge, config.seed)
        fitted = FittedMixture(mixture).plan(source, gan)
        frozen = {net: set(fitted.gan.parts[net].state_dict()) for net in ("generator", "discriminator")}
        promised = {"generator": set(gan.generator.state_dict()), **fitted.promised}
        notes = told_apart(source.decoder, gan.generator, "autoencoder-prior")
        return Transfer(fitted.gan, edits + fitted.edits, frozen=frozen, promised=promised, notes=notes)

    def neutral(self) -> None:
        """None: it trains no GAN."""
