"""Numbers by their rank: a column's values become about N(0, 1), and back (a quantile transform)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zoo_tables.columns import Column

__all__ = ["from_normal", "ranks", "to_normal"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

_SPREAD = 2.0
_EDGE = 5e-4
"""The lowest and the highest value become -3.29 and 3.29."""


def ranks(count: int) -> Floats:
    """`count` ranks from 0 to 1, nearer to each other at both ends, where values change fastest."""
    at = _normal_cdf(np.linspace(-_SPREAD, _SPREAD, count))
    scaled: Floats = (at - at[0]) / (at[-1] - at[0])
    return scaled


def to_normal(column: Column, values: Floats) -> Floats:
    """Values (N,) of a column of numbers -> Phi^-1 of their ranks; equal values get the middle of their ranks."""
    quantiles, at = np.array(column.quantiles), ranks(len(column.quantiles))
    above = np.interp(values, quantiles, at)
    below = -np.interp(-values, -quantiles[::-1], -at[::-1])
    middle = _EDGE + (1 - 2 * _EDGE) * np.clip((above + below) / 2, 0, 1)
    return torch.special.ndtri(torch.from_numpy(middle)).numpy()


def from_normal(column: Column, z: Floats) -> Floats:
    """What `to_normal` made of values, (N,), as values again, not yet rounded."""
    rank = (_normal_cdf(z) - _EDGE) / (1 - 2 * _EDGE)
    return np.interp(np.clip(rank, 0, 1), ranks(len(column.quantiles)), np.array(column.quantiles))


def _normal_cdf(z: Floats) -> Floats:
    return torch.special.ndtr(torch.from_numpy(z)).numpy()
