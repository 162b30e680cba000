"""R3GAN's generator: a learnt basis, 4x4 for most sizes, scaled by z, then residual blocks at every resolution."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, output
from zoo_r3gan.config import ResidualConfig, base, channels
from zoo_r3gan.layers import Resample, blocks, conv

__all__ = ["R3GANGenerator"]


class R3GANGenerator(Generator):
    """Codes (N, *code_shape) -> samples (N, C, H, W) within [data.low, data.high], if they are bounded.

    `first` maps z to one value per channel, which scales a learnt basis: 4x4 for sides that are a power of two (Huang
    et al. 2024). Unlike theirs, the output is mapped into the value range. Raises CompositionError for sides that
    cannot be halved down to 4 to 15.
    """

    def __init__(self, config: ResidualConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        widths = channels(config, data)[::-1]  # coarse to fine
        depth = config.blocks * len(widths)
        self.first: nn.Linear | None = nn.Linear(math.prod(code_shape), widths[0])
        nn.init.normal_(self.first.weight, 0.0, math.prod(code_shape) ** -0.5)
        nn.init.zeros_(self.first.bias)
        self.basis = nn.Parameter(torch.empty(widths[0], *base(data)[1]))
        nn.init.normal_(self.basis)
        self.stages = nn.ModuleList(blocks(width, config, depth) for width in widths)
        self.up = nn.ModuleList(Resample(a, b, 2.0) for a, b in pairwise(widths))
        self.leave = conv(widths[-1], data.shape[0], 1, 1.0, bias=True)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, C, H, W)."""
        assert self.first is not None
        x = self.first(z.flatten(1))[:, :, None, None] * self.basis  # (N, widths[0], 4, 4), or another base
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else self.up[i - 1](x))  # (N, widths[i], 2^i times the base)
        return cast(Tensor, self.output(self.leave(x)))
