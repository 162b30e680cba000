"""The output activation of a generator: from any number into the data's value range."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.types import DataSpec

__all__ = ["Interval", "output"]


def output(data: DataSpec) -> nn.Module:
    """tanh for [-1, 1], sigmoid for [0, 1], a scaled sigmoid for any other range; none for values without bounds."""
    if not data.bounded:
        return nn.Identity()
    if (data.low, data.high) == (-1.0, 1.0):
        return nn.Tanh()
    if (data.low, data.high) == (0.0, 1.0):
        return nn.Sigmoid()
    return Interval(data.low, data.high)


class Interval(nn.Module):
    """u -> low + (high - low) sigmoid(u)."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low = low
        self.high = high

    def forward(self, u: Tensor) -> Tensor:
        """Any shape -> the same shape, within [low, high]."""
        scaled = self.low + (self.high - self.low) * torch.sigmoid(u)
        return scaled.clamp(self.low, self.high)  # rounding may leave the range by one unit in the last place

    def extra_repr(self) -> str:
        return f"low={self.low}, high={self.high}"
