"""A baseline without adversarial training: the decoder, with a mixture fitted to its codes as the prior."""

from __future__ import annotations

from zoo.plugin import GAN, Autoencoder, Slot, Source, TransferPlan, TransferStrategy, activation_mismatch, map_weights
from zoo_transfer.configs.controls import AutoencoderPriorConfig
from zoo_transfer.gmm_prior import FittedMixture

__all__ = ["AutoencoderPrior"]


class AutoencoderPrior(TransferStrategy):
    """G = Dec, z from a mixture of Gaussians fitted to the codes; neither G nor D is trained (Ghosh et al. 2020,
    "From variational to deterministic autoencoders")."""

    slots = frozenset({Slot.GENERATOR, Slot.DISCRIMINATOR, Slot.PRIOR, Slot.FREEZE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: AutoencoderPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The decoder's weights and the mixture's; both networks are frozen."""
        planned = FittedMixture(self.config).plan(source, gan)
        planned.edits[:0] = map_weights(source.decoder, "decoder", gan.generator, "generator")
        planned.frozen = {net: set(gan.parts[net].state_dict()) for net in ("generator", "discriminator")}
        planned.required_tensors["generator"] = set(gan.generator.state_dict())
        planned.notes = activation_mismatch(source.decoder, gan.generator, "autoencoder-prior")
        return planned

    def noop_config(self) -> None:
        """None: it trains no GAN."""
