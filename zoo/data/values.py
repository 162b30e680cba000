"""Float data as samples and back: standardised features and codes, kept as float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.pixels import from_uint8
from zoo.errors import DataError
from zoo.types import DataSpec, Scaling

__all__ = ["fit_scaling", "from_stored", "into_range", "unscaled"]

Floats = np.ndarray[Any, Any]


def fit_scaling(values: Floats) -> Scaling:
    """Mean and standard deviation of each feature of `(N, F)`, or of each channel of `(N, C, H, W)`. A feature that
    never changes keeps the scale 1."""
    axes = tuple(axis for axis in range(values.ndim) if axis != 1)
    offset = values.mean(axes, dtype=np.float64)
    scale = values.std(axes, dtype=np.float64)
    return Scaling(tuple(offset.tolist()), tuple(np.where(scale > 0, scale, 1.0).tolist()))


def into_range(values: Floats, spec: DataSpec, owner: str) -> Floats:
    """Floats in [0, 1] as samples in the value range of `spec`. Raises DataError, naming `owner`, for others."""
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{owner} has values from {low:g} to {high:g}, and the model takes {spec}",
            "Scale them to [0, 1]; or compose the model with data=open_images(...).spec, which standardises them.",
        )
    samples = values * (spec.high - spec.low)
    samples += spec.low
    return samples.astype(np.float32, copy=False)


def from_stored(stored: Tensor, spec: DataSpec) -> Tensor:
    """What a set stores of samples, bytes or floats `(N, *spec.shape)`, as float32 samples of `spec`."""
    if spec.scaling is None:
        return from_uint8(stored, spec) if stored.dtype == torch.uint8 else stored.to(torch.float32)
    offset, scale = _columns(stored, spec.scaling)
    return (stored.to(torch.float32) - offset) / scale


def unscaled(x: Tensor, spec: DataSpec) -> Tensor:
    """Samples `(N, *spec.shape)` in the units of the data that they were learnt from; unchanged without a scaling."""
    if spec.scaling is None:
        return x
    offset, scale = _columns(x, spec.scaling)
    return x * scale + offset


def _columns(x: Tensor, scaling: Scaling) -> tuple[Tensor, Tensor]:
    """Offset and scale of each feature or channel, to be broadcast over `x`."""
    shape = (1, -1, *[1] * (x.dim() - 2))
    offset, scale = (
        torch.tensor(values, dtype=torch.float32, device=x.device) for values in (scaling.offset, scaling.scale)
    )
    return offset.view(shape), scale.view(shape)
