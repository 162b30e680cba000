"""Any encoder can judge: a discriminator is an encoder with a head of one logit."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.networks.types import Discriminator, DiscriminatorOutput, Encoder

__all__ = ["EncoderDiscriminator"]


class EncoderDiscriminator(Discriminator):
    """realness = head(embedding). The head is N(0, 0.02) with zero bias (DCGAN, Radford et al. 2016).

    On a 4x4 feature map that is flattened into the embedding this head is DCGAN's last convolution.
    """

    logit_groups: tuple[int, ...] = (1,)

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.data = encoder.data
        self.encoder = encoder
        self.head = nn.Linear(encoder.embedding_dim, 1)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        nn.init.zeros_(self.head.bias)

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """x (N, *data.shape) -> realness (N, 1) and the encoder's stages."""
        embedding, stages = self.encoder.features(x)
        return DiscriminatorOutput(self.head(embedding), stages)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> realness (N, 1)."""
        return self.discriminate(x).logits
