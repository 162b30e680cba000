"""The encoder becomes the discriminator's trunk."""

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
    """h_D := theta_Enc under a fresh head of one logit, so that D's stages equal the encoder's before training
    (Mariani et al. 2018, "BAGAN"; Wang et al. 2018, "Transferring GANs").

    A spectral norm would rescale every copied layer: the norm is filled with the layer's singular vectors, and their
    value stays in front of it as a fixed gain (`transfer/spectral-gain`). An encoder's batch norm is folded into the
    convolutions of a discriminator that has none.
    """

    slots = frozenset({Slot.DISCRIMINATOR})
    requires = frozenset({Source.ENCODER})

    def __init__(self, config: EncoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Every tensor of the discriminator's trunk gets a value; its head stays fresh. A trunk whose spectral norms
        the encoder has not is given gains."""
        if not isinstance(gan.discriminator, EncoderDiscriminator):
            raise TransferError(
                f"discriminator {gan.specs['discriminator'].component} is not an encoder with a head",
                "encoder-init needs one: zoo.gan(like=autoencoder).",
            )
        if normalised(gan.discriminator) and not _alike(source.encoder, gan.discriminator.encoder):
            gan = with_gains(gan)
        trunk = cast(nn.Module, gan.discriminator.encoder)
        edits = map_weights(source.encoder, "encoder", trunk, "discriminator", "encoder.")
        required_tensors = {"discriminator": {edit.tensor for edit in edits}}
        return TransferPlan(
            gan,
            edits,
            required_tensors=required_tensors,
            notes=activation_mismatch(source.encoder, trunk, "encoder-init"),
        )

    def noop_config(self) -> None:
        """None: the copy is the strategy. Given the scratch trunk's own weights as an encoder it equals scratch."""


def _alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether every tensor of one has its place in the other."""
    ours, theirs = one.state_dict(), other.state_dict()
    return {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
