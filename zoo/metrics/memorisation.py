"""Memorisation: are samples nearer to the training images than to held-out ones?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.metrics.distances import kid

__all__ = ["Memorisation", "memorisation", "nearest"]

_BLOCK = 2048


class Memorisation(NamedTuple):
    """`gap`: KID to the training rows minus KID to held-out rows; clearly negative if samples are nearer to training
    rows. `nearness`: the median distance of samples to their nearest training row over that of held-out rows; about 1
    for new images, 0 for copies."""

    gap: float
    nearness: float


def memorisation(fake: Tensor, train: Tensor, held_out: Tensor) -> Memorisation:
    """Compare features of samples `(n, d)` with those of training `(m, d)` and held-out rows `(k, d)`.

    Raises DataError for fewer than two rows on a side or different widths.
    """
    gap = kid(fake, train) - kid(fake, held_out)
    fake_distance, held_out_distance = (nearest(rows, train)[1].median().item() for rows in (fake, held_out))
    if held_out_distance == 0:
        raise DataError(
            "half of the held-out images are also training images",
            "Split the images so that none is in both.",
        )
    return Memorisation(gap, fake_distance / held_out_distance)


def nearest(rows: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `(n, d)` the nearest of `(m, d)`: its index `(n,)` and the distance `(n,)`, float64."""
    among = among.detach().cpu().double()
    minima = [torch.cdist(block.detach().cpu().double(), among).min(1) for block in rows.split(_BLOCK)]
    return torch.cat([minimum.indices for minimum in minima]), torch.cat([minimum.values for minimum in minima])
