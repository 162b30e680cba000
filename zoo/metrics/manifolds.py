"""Precision, recall, density and coverage: which part of each set of features lies where the other one lies.

The manifold of a set is the union of balls around its rows, each as wide as the distance to the row's k-th nearest
neighbour in its own set (Kynkäänniemi et al. 2019, "Improved Precision and Recall"; Naeem et al.
2020, "Reliable Fidelity and Diversity Metrics"). All four depend on the counts: compare them at
equal ones only, with the floor beside them.
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
    """`precision`: the share of fake rows inside the real manifold; `recall`: of real rows inside the fake one.

    `density`: how many real balls a fake row lies in, over k (may exceed 1); `coverage`: the share of real balls that
    hold a fake row. All are at least 0.
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
    parts = [torch.cdist(part, rows).kthvalue(k + 1, 1).values for part in rows.split(_BLOCK)]
    return torch.cat(parts)
