"""A discriminator that wraps the GAN's own and adds logits computed from a frozen encoder's features."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Discriminator,
    DiscriminatorOutput,
    PartSpec,
    TransferError,
    build_discriminator,
    build_part,
    condition_arguments,
    require_same_data,
    takes_condition,
)

__all__ = ["FrozenEncoderWrapper", "require_logits"]


class FrozenEncoderWrapper(Discriminator):
    """The trained discriminator `base`, if there is one, and an `encoder` that is not trained and always in eval mode.
    The encoder is built for samples like `seen`, by default the data."""

    frozen_children: tuple[str, ...] = ("encoder",)

    def __init__(self, base: PartSpec | None, encoder: PartSpec, data: DataSpec, seen: DataSpec | None = None) -> None:
        super().__init__()
        device = torch.get_default_device().type
        self.data = data
        self.base = None if base is None else build_discriminator(base, data, device=device)
        self.logit_groups = () if self.base is None else self.base.logit_groups
        self.encoder = build_part("encoder", encoder, "encoder", seen or data, device=device).requires_grad_(False)

    @property
    def always_frozen(self) -> tuple[str, ...]:
        """The frozen children, and those of the base."""
        return (*self.frozen_children, *(f"base.{child}" for child in getattr(self.base, "always_frozen", ())))

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether there is a base that takes a condition."""
        return self.base is not None and takes_condition(self.base)

    def judge_base(self, x: Tensor, condition: Tensor | None) -> DiscriminatorOutput:
        """The base's logits and stages; without a base none."""
        if self.base is None:
            return DiscriminatorOutput(x.new_zeros(len(x), 0), ())
        return self.base.discriminate(x, *condition_arguments(self.base, condition))

    def train(self, mode: bool = True) -> Self:
        """Set the mode of everything but the encoder."""
        super().train(mode)
        self.encoder.eval()
        return self


def require_logits(source: Autoencoder, gan: GAN, strategy: str) -> None:
    """Raises TransferError if the source's samples differ from the GAN's, or if D gives an energy, to which no logits
    can be added."""
    require_same_data(source, gan, strategy)
    if gan.specs["discriminator"].component == "transfer/energy":
        raise TransferError(
            f"{gan.specs['discriminator'].component} fills the slot 'discriminator' with an energy, and {strategy} "
            "would add logits to it",
            "Choose one of the two.",
        )
