"""Discriminators around the one that is there, with a frozen encoder beside it."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    PartSpec,
    TransferError,
    build_discriminator,
    build_part,
    normalise,
    require_same_data,
    to_plain,
)
from zoo_transfer.teachers import device_of

__all__ = ["FrozenEncoderWrapper", "require_logits_and_data", "wrap_discriminator"]


class FrozenEncoderWrapper(nn.Module):
    """`base` learns; `encoder` never does and is in eval mode whatever is called."""

    always_frozen: tuple[str, ...] = ("encoder",)

    def __init__(self, base: PartSpec, encoder: PartSpec, data: DataSpec) -> None:
        super().__init__()
        device = torch.get_default_device().type
        self.data = data
        self.base = build_discriminator(base, data, device=device)
        self.encoder = build_part("encoder", encoder, "encoder", data, device=device).requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """The encoder stays in eval mode."""
        super().train(mode)
        self.encoder.eval()
        return self


def wrap_discriminator(gan: GAN, settings: Any, whose: str, seed: int) -> GAN:
    """The GAN judged by the component `transfer/<whose>` of `settings`, its own discriminator the base of it."""
    spec = normalise("discriminator", PartSpec(f"transfer/{whose}", to_plain(settings)))
    discriminator = build_part("discriminator", spec, whose, gan.data, seed=seed, device=device_of(gan))
    discriminator.base = gan.discriminator
    return GAN(gan.prior, gan.generator, discriminator, gan.specs | {"discriminator": spec})


def require_logits_and_data(source: Autoencoder, gan: GAN, whose: str) -> None:
    """Raises TransferError where the source reads other samples, or D judges by an energy: logits added to it would
    make it none."""
    require_same_data(source, gan, whose)
    if getattr(gan.discriminator, "bottleneck", None) is not None:
        raise TransferError(
            f"{gan.specs['discriminator'].component} fills the slot 'discriminator' with an energy, and {whose} would "
            "add logits to it",
            "Choose one of the two.",
        )
