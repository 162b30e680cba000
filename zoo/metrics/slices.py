"""The sliced Wasserstein distance between two sets of features."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import ConfigError, DataError

__all__ = ["sliced_wasserstein"]


def sliced_wasserstein(a: Tensor, b: Tensor, *, directions: int = 512, seed: int = 0) -> float:
    """The root of the mean squared W2 distance between `(m, d)` and `(n, d)`, projected on random unit directions.

    Bonneel et al. 2015, "Sliced and Radon Wasserstein Barycenters". W2 in one dimension is exact, also for unequal
    counts: it is the L2 distance of the quantile functions. The bias is positive, so compare it at equal counts only.
    The directions depend on `seed` alone. Raises DataError for an empty set or different widths.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or not (len(a) and len(b)):
        raise DataError(f"features of shapes {list(a.shape)} and {list(b.shape)} cannot be compared")
    if directions < 1:
        raise ConfigError(f"{directions} directions are too few", "Use 512.")
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    units = torch.randn(directions, a.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    units /= units.norm(dim=1, keepdim=True)
    m, n = len(a), len(b)
    # both quantile functions are constant between these points, in units of 1 / (m n) to avoid rounding errors
    ends = torch.cat([torch.arange(1, m + 1) * n, torch.arange(1, n + 1) * m]).unique()
    widths = torch.diff(ends, prepend=ends.new_zeros(1)).double() / (m * n)
    in_a, in_b = (ends - 1) // n, (ends - 1) // m
    total = 0.0
    for block in units.split(64):
        x, y = (block @ a.T).sort(1).values, (block @ b.T).sort(1).values
        total += ((x[:, in_a] - y[:, in_b]).square() @ widths).sum().item()
    return float((total / directions) ** 0.5)
