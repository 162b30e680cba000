"""How samples of a table compare with real rows, and whether they give away the rows that were learnt."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoo_tables.columns import NUMBERS

if TYPE_CHECKING:
    from zoo_tables.modality import Table

__all__ = ["figures"]

_MOST = 5_000
_CHUNK = 512
_BINS = 10
_MOST_PAIRS = 2_000


def figures(table: Table, samples: Tensor, real: Tensor, train: Tensor) -> dict[str, tuple[float, float | None]]:
    """Of samples (N, width), each with its value for real rows against real rows; the last three of at most 5,000:

    - `shape_error`: the mean over columns of the Kolmogorov-Smirnov distance of numbers, or the total variation
      distance of categories, a missing value being one (0 is best; the floor is that of learnt rows)
    - `pair_error`: the mean over pairs of columns of the total variation distance of their joint shares, numbers in ten
      bins (0 is best)
    - `nearer_to_learnt`: the share of samples nearer to a learnt row than to one of as many held-out rows; 0.5 means
      that nothing was learnt by heart, 1 that samples are learnt rows with noise
    - `membership_advantage`: by how much a nearest sample tells a learnt row from a held-out one, 2 AUC - 1; 0 is best
    - `copied`: the share of samples equal to a learnt row in each cell; the floor is that of held-out rows
    """
    learnt = {tuple(row) for row in table.rows(train)[1]}
    errors: dict[str, tuple[float, float | None]] = {
        "shape_error": (_shape_error(table, samples, real), _shape_error(table, train, real)),
        "pair_error": (_pair_error(table, samples, real), _pair_error(table, train, real)),
    }
    samples, real, train = (rows[_evenly(len(rows))] for rows in (samples, real, train))
    near = min(len(real), len(train))
    return errors | {
        "nearer_to_learnt": (_share_nearer(samples, train[:near], real[:near]), 0.5),
        "membership_advantage": (_advantage(_distances(train, samples), _distances(real, samples)), 0.0),
        "copied": (_copied(table, samples, learnt), _copied(table, real, learnt)),
    }


def _evenly(count: int) -> Tensor:
    return torch.linspace(0, count - 1, min(count, _MOST)).round().long()


def _columns(table: Table, rows: Tensor) -> list[np.ndarray[Any, Any]]:
    """Each column as numbers (N,): rounded values, NaN where missing; or the numbers of categories."""
    columns = []
    for number, column in enumerate(table.config.columns):
        if column.kind in NUMBERS:
            values, present = table.values(number, rows)
            columns.append(np.where(present, np.round(values, column.decimals), np.nan))
        else:
            columns.append(table.choices(number, rows).numpy().astype(np.float64))
    return columns


def _shape_error(table: Table, samples: Tensor, real: Tensor) -> float:
    errors = []
    pairs = zip(table.config.columns, _columns(table, samples), _columns(table, real), strict=True)
    for column, ours, theirs in pairs:
        if column.kind in NUMBERS:
            missing = abs(float(np.isnan(ours).mean() - np.isnan(theirs).mean()))
            errors.append(max(missing, _kolmogorov(ours[~np.isnan(ours)], theirs[~np.isnan(theirs)])))
        else:
            errors.append(_variation(ours, theirs, len(column.categories)))
    return float(np.mean(errors))


def _kolmogorov(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """The largest difference of two samples' cumulative shares."""
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    at = np.concatenate([a, b])
    shares = [np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def _variation(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], count: int) -> float:
    """Half the sum of the differences of shares of `count` classes."""
    shares = [np.bincount(values.astype(np.int64), minlength=count) / len(values) for values in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _pair_error(table: Table, samples: Tensor, real: Tensor) -> float:
    ours, theirs = _columns(table, samples), _columns(table, real)
    binned, counts = [], []
    for column, a, b in zip(table.config.columns, ours, theirs, strict=True):
        if column.kind in NUMBERS:
            edges = np.quantile(b[~np.isnan(b)], np.linspace(0, 1, _BINS + 1)[1:-1])
            classes = [np.where(np.isnan(v), _BINS, np.searchsorted(edges, v, side="right")) for v in (a, b)]
            counts.append(_BINS + 1)
        else:
            classes = [a, b]
            counts.append(len(column.categories))
        binned.append([values.astype(np.int64) for values in classes])
    pairs = list(combinations(range(len(binned)), 2))
    pairs = pairs[:: max(1, len(pairs) // _MOST_PAIRS)]
    if not pairs:
        return 0.0
    errors = []
    for i, j in pairs:
        a, b = (binned[i][side] * counts[j] + binned[j][side] for side in (0, 1))
        errors.append(_variation(a, b, counts[i] * counts[j]))
    return float(np.mean(errors))


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """The distance of each row to the nearest of the others, (N,)."""
    return torch.cat([torch.cdist(chunk, others).min(1).values for chunk in rows.split(_CHUNK)])


def _share_nearer(samples: Tensor, train: Tensor, real: Tensor) -> float:
    ours, theirs = _distances(samples, train), _distances(samples, real)
    return float(((ours < theirs).double() + 0.5 * (ours == theirs).double()).mean())


def _advantage(learnt: Tensor, held_out: Tensor) -> float:
    """2 AUC - 1 of telling learnt rows by a smaller distance."""
    together = torch.cat([learnt, held_out])
    order = together.unique(return_inverse=True)[1]
    counts = torch.stack(
        [
            order[: len(learnt)].bincount(minlength=int(order.max()) + 1),
            order[len(learnt) :].bincount(minlength=int(order.max()) + 1),
        ]
    ).double()
    after = counts[1].flip(0).cumsum(0).flip(0)
    right = (counts[0] * (after - counts[1] / 2)).sum() / (len(learnt) * len(held_out))
    return float(2 * right - 1)


def _copied(table: Table, samples: Tensor, learnt: set[tuple[str, ...]]) -> float:
    return float(np.mean([tuple(row) in learnt for row in table.rows(samples)[1]]))
