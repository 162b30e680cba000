"""Samples as bytes and back: pictures hold bytes, networks take floats."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.types import DataSpec

__all__ = ["from_uint8", "to_uint8"]


def from_uint8(pixels: Tensor, spec: DataSpec) -> Tensor:
    """Bytes as float32: `low + v / 255 * (high - low)`, any shape."""
    x = pixels.to(torch.float32, copy=True)
    return x.div_(255).mul_(spec.high - spec.low).add_(spec.low).clamp_(spec.low, spec.high)


def to_uint8(x: Tensor, spec: DataSpec) -> Tensor:
    """Samples in `[spec.low, spec.high]` as bytes, rounded; values outside are clamped, NaN becomes 0."""
    unit = (x.detach().float() - spec.low) / (spec.high - spec.low)
    return (unit.nan_to_num(0.0, posinf=1.0, neginf=0.0).clamp(0, 1) * 255).round().to(torch.uint8)
