"""A split into rows to learn from and rows held out that any machine finds again, without a random number."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import ConfigError

__all__ = ["chosen", "chosen_of_both", "split"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def split(keys: Sequence[str], held_out: float) -> Mask:
    """A mask of the rows to learn from: the others are the share `held_out` whose keys hash lowest.

    At least one row on each side where there are two rows and `held_out` is above 0.
    Raises ConfigError unless 0 <= held_out < 1.
    """
    if not (math.isfinite(held_out) and 0 <= held_out < 1):
        raise ConfigError(f"held_out {held_out!r} is not a share from 0 to below 1", "A fifth is 0.2.")
    train = np.ones(len(keys), dtype=bool)
    if held_out > 0 and len(keys) > 1:
        count = min(max(1, round(held_out * len(keys))), len(keys) - 1)
        train[_by_hash(keys)[:count]] = False
    return train


def chosen(keys: Sequence[str], limit: int | None) -> list[int]:
    """At most `limit` rows, by the hash of their keys, ascending. Raises ConfigError for a limit below 1."""
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no image", "Give at least 1.")
    if limit is None or limit >= len(keys):
        return list(range(len(keys)))
    # another salt than the split's, else a limit would pick the held-out rows first
    return sorted(_by_hash(keys, salt="limit/")[:limit])


def chosen_of_both(train: Mask, limit: int | None) -> list[int]:
    """At most `limit` rows of a set that is split already, from both sides in proportion, ascending.

    At least one of each side that has any, from a limit of 2 on. Raises ConfigError for a limit below 1.
    """
    sides = [np.flatnonzero(train).tolist(), np.flatnonzero(~train).tolist()]
    if limit is None or limit >= len(train) or limit < 1 or not all(sides):
        return chosen([str(row) for row in range(len(train))], limit)
    count = round(limit * len(sides[1]) / len(train))
    count = min(max(count, 1), limit - 1)
    picked: list[int] = []
    for rows, share in zip(sides, (limit - count, count), strict=True):
        if share:
            picked += [rows[i] for i in chosen([str(row) for row in rows], share)]
    return sorted(picked)


def _by_hash(keys: Sequence[str], salt: str = "") -> list[int]:
    digests = [hashlib.sha256((salt + key).encode("utf-8", "surrogateescape")).digest() for key in keys]
    return sorted(range(len(keys)), key=digests.__getitem__)
