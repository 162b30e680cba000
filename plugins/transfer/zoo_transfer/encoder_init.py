"""The encoder's weights initialise the discriminator's trunk."""

from __future__ import annotations

from typing import cast

from torch import nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    EncoderDiscriminator,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    activation_mismatch,
    map_weights,
    normalised,
)
from zoo_transfer.configs.weights import EncoderInitConfig
from zoo_transfer.spectral_gain import with_gains

__all__ = ["EncoderInit"]


class EncoderInit(TransferStrategy):
    """theta_trunk(D) := theta_Enc under a fresh head of one logit, so that D's stages equal the encoder's before
    training (Mariani et al. 2018, "BAGAN"; Wang et al. 2018, "Transferring GANs").

    A spectral norm would rescale every copied layer. Therefore its vectors are set to the layer's singular vectors, and
    the layer is multiplied by its singular value as a fixed gain (`transfer/spectral-gain`). If only the encoder has
    batch norm, it is folded into the discriminator's convolutions.
    """

    slots = frozenset({Slot.DISCRIMINATOR})
    requires = frozenset({Source.ENCODER})

    def __init__(self, config: EncoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the trunk, which gets gains if it has spectral norms that the encoder lacks. The head stays
        fresh."""
        if not isinstance(gan.discriminator, EncoderDiscriminator):
            raise TransferError(
                f"discriminator {gan.specs['discriminator'].component} is not an encoder with a head",
                "encoder-init needs one: zoo.gan(like=autoencoder).",
            )
        if normalised(gan.discriminator) and not _same_shapes(source.encoder, gan.discriminator.encoder):
            gan = with_gains(gan)
        trunk = cast(nn.Module, gan.discriminator.encoder)
        edits = map_weights(source.encoder, "encoder", trunk, "discriminator", "encoder.")
        required_tensors = {"discriminator": {edit.tensor for edit in edits}}
        notes = activation_mismatch(source.encoder, trunk, "encoder-init")
        return TransferPlan(gan, edits, required_tensors=required_tensors, notes=notes)

    def noop_config(self) -> None:
        """None: the copy is the strategy. If the encoder has the scratch trunk's weights, it equals scratch."""


def _same_shapes(encoder: nn.Module, trunk: nn.Module) -> bool:
    """Whether both have the same tensors, by name and shape."""
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (encoder, trunk)]
    return shapes[0] == shapes[1]
