"""DCGAN's generator: a linear layer to 4x4, then transposed convolutions that double the side."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, output
from zoo_dcgan.config import GeneratorConfig, Norm
from zoo_dcgan.layers import Doubling, initialise, norm_layer, relu_gain
from zoo_dcgan.sizes import BASE, channels

__all__ = ["DCGANGenerator"]

_SLOPE = 0.2


class DCGANGenerator(Generator):
    """Codes (N, *code_shape) -> images (N, C, S, S) within [data.low, data.high].

    Radford et al. 2016, section 3. `first` and `last` have no batch norm, so that a prior can be folded into the one
    and a change of the value range into the other. Raises CompositionError unless the images are square with a side of
    8, 16, 32, 64, 128 or 256.
    """

    def __init__(self, config: GeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        widths = channels(config, data, "makes")[::-1]  # coarse to fine
        gain = relu_gain(_SLOPE if config.activation == "leaky_relu" else 0.0)

        self.first: nn.Linear | None = nn.Linear(math.prod(code_shape), widths[0] * BASE * BASE)
        initialise(self.first, math.prod(code_shape), config.norm, gain)
        self.base = nn.Sequential(
            nn.Unflatten(1, (widths[0], BASE, BASE)), norm_layer(config.norm, widths[0]), _activation(config)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                Doubling(n_in, n_out, config.upsample, config.norm, gain, bias=config.norm != "batch"),
                norm_layer(config.norm, n_out),
                _activation(config),
            )
            for n_in, n_out in pairwise(widths)
        )
        # no norm follows the last layer, so it needs the scaled initialisation unless DCGAN's own is used
        start: Norm = "batch" if config.norm == "batch" else "none"
        self.last = Doubling(widths[-1], data.shape[0], config.upsample, start, gain=1.0)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, C, S, S)."""
        assert self.first is not None
        x = self.base(self.first(z.flatten(1)))  # (N, widths[0], 4, 4)
        for stage in self.stages:
            x = stage(x)  # (N, widths[i], 8, 8), (N, widths[i], 16, 16), ...
        return cast(Tensor, self.output(self.last(x)))  # (N, C, S, S)


def _activation(config: GeneratorConfig) -> nn.Module:
    # not in place: a hook may still use the input
    return nn.ReLU() if config.activation == "relu" else nn.LeakyReLU(_SLOPE)
