"""Samples of one data spec converted to another: value range, channels, size."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

from zoo.errors import CompositionError
from zoo.types import DataSpec

__all__ = ["convert_samples"]


def convert_samples(x: Tensor, old: DataSpec, new: DataSpec) -> Tensor:
    """x (N, *old.shape) -> (N, *new.shape), differentiable; x itself if nothing differs.

    Values are mapped linearly, grey is repeated for colours and colours are averaged into grey, images are resized
    (bilinear, antialiased when they shrink). Raises CompositionError for samples of two kinds, and for other shapes
    than images'.
    """
    if old.kind != new.kind or old.bounded != new.bounded or old.scaling != new.scaling:
        raise CompositionError(f"samples that are {old} are not {new}", "Use data of one kind for both.")
    if (old.low, old.high) != (new.low, new.high):
        x = (x - old.low) / (old.high - old.low) * (new.high - new.low) + new.low
    if old.shape == new.shape:
        return x
    if not old.is_image:
        raise CompositionError(f"samples that are {old} are not {new}", "Only images can be resized.")
    if old.shape[0] != new.shape[0]:
        x = x.mean(1, keepdim=True).expand(-1, new.shape[0], -1, -1)
    if old.shape[1:] != new.shape[1:]:
        size = (new.shape[1], new.shape[2])
        x = interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return x
