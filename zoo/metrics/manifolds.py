"""Precision, recall, density and coverage: the overlap of two sets of features.

The manifold of a set is the union of balls around its rows; the radius is the distance to the row's k-th nearest
neighbour in its own set (Kynkäänniemi et al. 2019, "Improved Precision and Recall"; Naeem et al. 2020, "Reliable
Fidelity and Diversity Metrics"). All four depend on the counts: compare them at equal counts only, and with the floor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import ConfigError, DataError

__all__ = ["NEIGHBOURS", "Manifolds", "manifolds"]

NEIGHBOURS = 5
_BLOCK = 2048


class Manifolds(NamedTuple):
    """`precision`: the fraction of fake rows in the real manifold; `recall`: of real rows in the fake manifold.

    `density`: the mean number of real balls that a fake row is in, over k (it may exceed 1); `coverage`: the fraction
    of real balls with a fake row. All are at least 0.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> Manifolds:
    """Compare features `(m, d)` with `(n, d)` by their `k` nearest neighbours.

    Raises DataError for k rows or fewer on a side or different widths, ConfigError for k below 1.
    """
    if k < 1:
        raise ConfigError(f"{k} neighbours span no manifold", "Use 5.")
    if real.dim() != 2 or fake.dim() != 2 or real.shape[1] != fake.shape[1]:
        raise DataError(f"features of shapes {list(real.shape)} and {list(fake.shape)} cannot be compared")
    if min(len(real), len(fake)) <= k:
        raise DataError(
            f"{len(real)} and {len(fake)} rows are too few for {k} neighbours", f"Give more than {k} of each."
        )
    real, fake = real.detach().cpu().double(), fake.detach().cpu().double()
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    inside_real, inside_fake = fake.new_zeros(len(fake)), real.new_zeros(len(real))
    nearest_fake = real.new_full((len(real),), torch.inf)
    for i in range(0, len(real), _BLOCK):
        rows = slice(i, i + _BLOCK)
        distances = torch.cdist(real[rows], fake)
        inside_real += (distances <= real_radii[rows, None]).sum(0)
        inside_fake[rows] = (distances <= fake_radii).sum(1).double()
        nearest_fake[rows] = distances.min(1).values
    return Manifolds(
        precision=(inside_real > 0).double().mean().item(),
        recall=(inside_fake > 0).double().mean().item(),
        density=inside_real.mean().item() / k,
        coverage=(nearest_fake <= real_radii).double().mean().item(),
    )


def _radii(rows: Tensor, k: int) -> Tensor:
    """The distance of each row to its k-th nearest other row."""
    return torch.cat([torch.cdist(block, rows).kthvalue(k + 1, 1).values for block in rows.split(_BLOCK)])
