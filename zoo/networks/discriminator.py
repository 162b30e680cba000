"""A discriminator from any encoder, with a head of one logit."""

from __future__ import annotations

import math

from torch import Tensor, nn

from zoo.networks.types import Discriminator, DiscriminatorOutput, Encoder

__all__ = ["EncoderDiscriminator"]


class EncoderDiscriminator(Discriminator):
    """logit = head(embedding), the embedding flattened. The head's weights are from N(0, 0.02^2), its bias is 0 (DCGAN,
    Radford et al. 2016).

    If the embedding is a flattened 4x4 feature map, this head equals DCGAN's last convolution.
    """

    logit_groups: tuple[int, ...] = (1,)

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.data = encoder.data
        self.encoder = encoder
        self.head = nn.Linear(math.prod(encoder.embedding_shape), 1)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        nn.init.zeros_(self.head.bias)

    @property
    def always_frozen(self) -> tuple[str, ...]:
        """What the encoder never trains."""
        return tuple(f"encoder.{child}" for child in getattr(self.encoder, "always_frozen", ()))

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> logits (N, 1) and the encoder's stages."""
        embedding, stages = self.encoder.features(x)
        return DiscriminatorOutput(self.head(embedding.flatten(1)), stages)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> logits (N, 1)."""
        return self.discriminate(x).logits
