"""The sliced Wasserstein distance: sets of features compared along random directions."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import ConfigError, DataError

__all__ = ["sliced_wasserstein"]


def sliced_wasserstein(a: Tensor, b: Tensor, *, directions: int = 512, seed: int = 0) -> float:
    """sqrt of the mean over random unit directions of W2^2 of the projected rows of `(m, d)` and `(n, d)`.

    Bonneel et al. 2015, "Sliced and Radon Wasserstein Barycenters". W2 in one dimension is exact, also for
    unequal counts: the distance of the quantile functions. Biased upwards, so compare it at equal counts; the
    directions come from `seed`, the same for every call. Raises DataError for an empty set or different widths.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or not (len(a) and len(b)):
        raise DataError(f"features of shapes {list(a.shape)} and {list(b.shape)} cannot be compared")
    if directions < 1:
        raise ConfigError(f"{directions} directions measure nothing", "Use 512.")
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    ways = torch.randn(directions, a.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ways /= ways.norm(dim=1, keepdim=True)
    m, n = len(a), len(b)
    # both quantile functions are constant between these points; whole numbers, so that none is missed by rounding
    ends = torch.cat([torch.arange(1, m + 1) * n, torch.arange(1, n + 1) * m]).unique()
    share = torch.diff(ends, prepend=ends.new_zeros(1)).double() / (m * n)
    in_a, in_b = (ends - 1) // n, (ends - 1) // m
    total = 0.0
    for part in ways.split(64):
        x, y = (part @ a.T).sort(1).values, (part @ b.T).sort(1).values
        total += ((x[:, in_a] - y[:, in_b]).square() @ share).sum().item()
    return float((total / directions) ** 0.5)
