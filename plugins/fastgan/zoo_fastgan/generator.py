"""FastGAN's generator: upsampling with gated linear units, and skip-layer excitation from coarse maps to fine ones."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, output
from zoo_fastgan.config import GeneratorConfig, base, channels
from zoo_fastgan.layers import Excitation, conv, doubling, norm_layer

__all__ = ["FastGANGenerator"]

_EXCITED_FROM = 4
"""How many doublings lie between the two maps of an excitation: a 4x4 map scales the channels of a 64x64 one."""


class FastGANGenerator(Generator):
    """Codes (N, *code_shape) -> samples (N, C, H, W) within [data.low, data.high], if they are bounded.

    Every second doubling of the side has two convolutions, with noise in training (Liu et al. 2021, figure 3). A map is
    excited by the one that is 16 times smaller a side; samples with fewer doublings have one excitation, of their
    finest map by the base. Raises CompositionError for sides that cannot be halved down to 4 to 15.
    """

    def __init__(self, config: GeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        widths = channels(config, data)[::-1]  # coarse to fine
        _, sides = base(data)
        self.first: nn.Linear | None = nn.Linear(math.prod(code_shape), 2 * widths[0] * math.prod(sides))
        nn.init.normal_(self.first.weight, 0.0, math.prod(code_shape) ** -0.5)
        nn.init.zeros_(self.first.bias)
        self.base = nn.Sequential(
            nn.Unflatten(1, (2 * widths[0], *sides)), norm_layer(config.norm, 2 * widths[0]), nn.GLU(dim=1)
        )
        self.stages = nn.ModuleList(
            doubling(n_in, n_out, config.norm, twice=i % 2 == 0) for i, (n_in, n_out) in enumerate(pairwise(widths))
        )
        self.gap = min(_EXCITED_FROM, len(self.stages))
        self.excitations = nn.ModuleList(Excitation(widths[i - self.gap], width) for i, width in self._excited(widths))
        self.last = conv(widths[-1], data.shape[0], 3)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, C, H, W)."""
        assert self.first is not None
        maps = [self.base(self.first(z.flatten(1)))]  # (N, widths[0], 4, 4), or another base
        for i, stage in enumerate(self.stages, 1):
            x = stage(maps[-1])  # (N, widths[i], 2^i times the base)
            if i >= self.gap:
                x = self.excitations[i - self.gap](maps[i - self.gap], x)
            maps.append(x)
        return cast(Tensor, self.output(self.last(maps[-1])))

    def _excited(self, widths: tuple[int, ...]) -> list[tuple[int, int]]:
        """The maps that are excited: their numbers, from the base's 0 on, and their channels."""
        return list(enumerate(widths))[self.gap :]
