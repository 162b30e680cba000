"""Embeddings (E, h, w) -> codes (c, h, w): an affine map at each place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import Bottleneck, CompositionError, Posterior
from zoo_spatial.config import NoConfig, NoiseConfig

__all__ = ["NoisyBottleneck", "VariationalBottleneck"]


class VariationalBottleneck(Bottleneck):
    """Mean and log-variance (N, c, h, w). Raises CompositionError unless embedding and code have the same places."""

    def __init__(self, config: NoConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        _require_places(embedding_shape, code_shape)
        self.code_shape = code_shape
        self.map = nn.Conv2d(embedding_shape[0], 2 * code_shape[0], 1)

    def forward(self, embedding: Tensor) -> Posterior:
        """Embedding (N, *embedding_shape) -> posterior (N, *code_shape)."""
        mean, logvar = self.map(embedding).chunk(2, dim=1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))


class NoisyBottleneck(Bottleneck):
    """Codes (N, c, h, w) of mean 0 and deviation 1 over each image's values, with noise in training. Raises
    CompositionError unless embedding and code have the same places."""

    def __init__(self, config: NoiseConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        _require_places(embedding_shape, code_shape)
        self.code_shape = code_shape
        self.noise = config.noise
        self.map = nn.Conv2d(embedding_shape[0], code_shape[0], 1)
        self.norm = nn.GroupNorm(1, code_shape[0], affine=False)

    def forward(self, embedding: Tensor) -> Posterior:
        """Embedding (N, *embedding_shape) -> posterior (N, *code_shape) without a variance."""
        code = self.norm(self.map(embedding))
        if self.training and self.noise:
            code = code + self.noise * torch.randn_like(code)
        return Posterior(code, None)


def _require_places(embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
    if len(embedding_shape) != 3 or len(code_shape) != 3 or embedding_shape[1:] != code_shape[1:]:
        raise CompositionError(
            f"a spatial bottleneck cannot make codes {list(code_shape)} of an embedding {list(embedding_shape)}",
            "Use the encoder and the decoder spatial, with the same factor.",
        )
