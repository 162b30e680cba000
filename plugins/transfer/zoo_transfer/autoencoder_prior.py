"""The baseline that a GAN must beat: the decoder fed by a density fitted to its codes."""

from __future__ import annotations

from zoo.plugin import GAN, Autoencoder, Slot, Source, TransferPlan, TransferStrategy, activation_mismatch, map_weights
from zoo_transfer.configs.controls import AutoencoderPriorConfig
from zoo_transfer.configs.priors import MixturePriorConfig
from zoo_transfer.gmm_prior import FittedMixture

__all__ = ["AutoencoderPrior"]


class AutoencoderPrior(TransferStrategy):
    """G = Dec, z from a mixture of Gaussians fitted to the codes, and no GAN: neither side learns (Ghosh et al. 2020,
    "From variational to deterministic autoencoders")."""

    slots = frozenset({Slot.GENERATOR, Slot.DISCRIMINATOR, Slot.PRIOR, Slot.FREEZE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: AutoencoderPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The decoder's weights, the prior's three buffers, and everything frozen."""
        config = self.config
        edits = map_weights(source.decoder, "decoder", gan.generator, "generator")
        mixture = MixturePriorConfig(config.components, config.shrinkage, config.ridge, config.seed)
        fitted = FittedMixture(mixture).plan(source, gan)
        frozen = {net: set(fitted.gan.parts[net].state_dict()) for net in ("generator", "discriminator")}
        required_tensors = {"generator": set(gan.generator.state_dict()), **fitted.required_tensors}
        notes = activation_mismatch(source.decoder, gan.generator, "autoencoder-prior")
        return TransferPlan(
            fitted.gan, edits + fitted.edits, frozen=frozen, required_tensors=required_tensors, notes=notes
        )

    def noop_config(self) -> None:
        """None: it trains no GAN."""
