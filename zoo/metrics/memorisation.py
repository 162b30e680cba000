"""Has a generator learnt images by heart? Samples against the rows it learnt from and against held-out ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.metrics.distances import kid

__all__ = ["Memory", "memory", "nearest"]

_BLOCK = 2048


class Memory(NamedTuple):
    """`gap`: KID to the training rows minus KID to held-out ones; clearly below 0 says that samples lie nearer to what
    was learnt from. `nearness`: the median distance of samples to their nearest training row over that of held-out
    rows; near 1 for unseen images, 0 for copies."""

    gap: float
    nearness: float


def memory(fake: Tensor, train: Tensor, held_out: Tensor) -> Memory:
    """Compare features of samples `(n, d)` with those of training `(m, d)` and held-out rows `(k, d)`.

    Raises DataError for fewer than two rows on a side or different widths.
    """
    gap = kid(fake, train) - kid(fake, held_out)
    ours, theirs = (nearest(rows, train)[1].median().item() for rows in (fake, held_out))
    if theirs == 0:
        raise DataError(
            "half of the held-out images are also among those to learn from",
            "Split the images so that none is in both.",
        )
    return Memory(gap, ours / theirs)


def nearest(rows: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `(n, d)` the nearest of `(m, d)`: its index `(n,)` and the distance `(n,)`, float64."""
    among = among.detach().cpu().double()
    found = [torch.cdist(part.detach().cpu().double(), among).min(1) for part in rows.split(_BLOCK)]
    return torch.cat([one.indices for one in found]), torch.cat([one.values for one in found])
