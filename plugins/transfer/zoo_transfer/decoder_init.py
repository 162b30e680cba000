"""The decoder becomes the generator."""

from __future__ import annotations

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.protocols import Slot, Source, Transfer
from zoo.transfers.bridges import carry
from zoo_transfer.config import DecoderInitConfig

__all__ = ["DecoderInit"]


class DecoderInit:
    """theta_G := theta_Dec, so that G(z) = Dec(z) bit for bit before training (Mariani et al. 2018, "BAGAN", section 3;
    dos Santos et al. 2019, "Learning implicit generative models by matching perceptual features").

    The prior must be where the decoder was trained: N(0, I) for a VAE; for other autoencoders add `gaussian-prior` or
    `gmm-prior`. A generator with fewer layers than the decoder takes its last ones (bridge `drop-layers`).
    """

    fills = frozenset({Slot.GENERATOR})
    uses = frozenset({Source.DECODER})

    def __init__(self, config: DecoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """Every tensor of the generator gets a value."""
        edits = carry(source.decoder, "decoder", gan.generator, "generator")
        return Transfer(gan, edits, promised={"generator": set(gan.generator.state_dict())})

    def neutral(self) -> None:
        """None: the copy is the strategy. Given the scratch generator's own weights as a decoder it equals scratch."""
