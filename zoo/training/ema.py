"""A moving average of a net's weights, by half-life in images shown."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["MovingAverage"]

Net = TypeVar("Net", bound=nn.Module)


class MovingAverage(Generic[Net]):
    """`net` is the averaged copy, in eval mode; buffers (BatchNorm's statistics) are copied, not averaged.

    The half-life is `half_life` images, or the fraction `ramp` of the images shown so far if that is less, so that
    early figures do not flatter a warm start (Karras et al. 2020, StyleGAN2-ADA, use the same ramp of 0.05).
    Both nets keep their parameter tensors from here on: later updates are written into them.
    """

    def __init__(self, live: Net, half_life: int, ramp: float) -> None:
        self.net = copy.deepcopy(live).eval().requires_grad_(False)
        self.half_life = half_life
        self.ramp = ramp
        self._averages: list[Tensor] = list(self.net.parameters())
        self._weights: list[Tensor] = list(live.parameters())
        self._live = live
        self._has_buffers = next(self.net.buffers(), None) is not None

    @torch.no_grad()
    def update(self, batch: int, shown: int) -> None:
        """Move towards the live net after a step of `batch` images; `shown` counts them too."""
        half_life = min(self.half_life, self.ramp * shown)
        keep = 0.5 ** (batch / half_life) if half_life > 0 else 0.0
        torch._foreach_lerp_(self._averages, self._weights, 1 - keep)
        if self._has_buffers:
            for average, value in zip(self.net.buffers(), self._live.buffers(), strict=True):
                average.copy_(value)
