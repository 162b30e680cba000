"""A dense encoder: each layer's output is a stage, the last one's is the embedding."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from zoo.plugin import DataSpec, Encoder, Features
from zoo_mlp.config import EncoderConfig
from zoo_mlp.dense import dense

__all__ = ["MLPEncoder"]


class MLPEncoder(Encoder):
    """Samples (N, *data.shape) of any shape -> embedding (N, widths[-1]); stage i is (N, widths[i]).

    With `widths=(k,)` and `activation="relu"` it is a single layer `Dense(k, relu)`.
    """

    def __init__(self, config: EncoderConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.stage_channels = config.widths
        self.embedding_shape = (config.widths[-1],)
        sizes = (data.size, *config.widths)
        self.layers = nn.ModuleList(nn.Sequential(*dense(a, b, config)) for a, b in pairwise(sizes))

    def features(self, x: Tensor) -> Features:
        """x (N, *data.shape) -> embedding and stages."""
        h = x.flatten(1)  # (N, data.size)
        stages = []
        for layer in self.layers:
            h = layer(h)  # (N, widths[i])
            stages.append(h)
        return Features(h, tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding
