"""The encoder becomes the discriminator's trunk."""

from __future__ import annotations

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.discriminator import EncoderDiscriminator
from zoo.networks.gan import GAN
from zoo.protocols import Slot, Source, Transfer
from zoo.transfers.bridges import carry
from zoo_transfer.config import EncoderInitConfig

__all__ = ["EncoderInit"]


class EncoderInit:
    """h_D := theta_Enc under a fresh head of one logit, so that D's stages equal the encoder's before training
    (Mariani et al. 2018, "BAGAN", section 3; Wang et al. 2018, "Transferring GANs")."""

    fills = frozenset({Slot.DISCRIMINATOR})
    uses = frozenset({Source.ENCODER})

    def __init__(self, config: EncoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """Every tensor of the discriminator's trunk gets a value; its head stays fresh."""
        if not isinstance(gan.discriminator, EncoderDiscriminator):
            raise TransferError(
                f"discriminator {gan.specs['discriminator'].component} is not an encoder with a head",
                "encoder-init needs one: zoo.gan(like=autoencoder).",
            )
        trunk = gan.discriminator.encoder
        edits = carry(source.encoder, "encoder", trunk, "discriminator", "encoder.")  # type: ignore[arg-type]
        return Transfer(gan, edits, promised={"discriminator": {edit.tensor for edit in edits}})

    def neutral(self) -> None:
        """None: the copy is the strategy. Given the scratch trunk's own weights as an encoder it equals scratch."""
