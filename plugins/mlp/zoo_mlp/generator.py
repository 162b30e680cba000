"""A dense generator of samples of any shape."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, output
from zoo_mlp.config import GeneratorConfig
from zoo_mlp.dense import dense, linear

__all__ = ["MLPGenerator"]


class MLPGenerator(Generator):
    """Codes (N, *code_shape) -> samples (N, *data.shape) within [data.low, data.high].

    `first` is the first linear layer, and the only one if `widths` is empty. With a spectral norm on it, a linear map
    folded into it would be rescaled; then `first` is None, and `rest` is the whole network. The output layer is never
    normalised.
    """

    def __init__(self, config: GeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        sizes = (math.prod(code_shape), *config.widths)
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            # the first layer has a bias under batch norm too: a folded prior's mean is added to it
            layers += dense(a, b, config, bias=not layers)
        layers.append(linear(sizes[-1], data.size, gain=1.0))
        spectral = config.norm == "spectral" and bool(config.widths)
        self.first: nn.Linear | None = None if spectral else cast(nn.Linear, layers.pop(0))
        self.rest = nn.Sequential(*layers)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, *data.shape)."""
        h = z.flatten(1) if self.first is None else self.first(z.flatten(1))  # (N, widths[0])
        u = self.rest(h)  # (N, data.size)
        return cast(Tensor, self.output(u)).reshape(-1, *self.data.shape)  # (N, *data.shape)
