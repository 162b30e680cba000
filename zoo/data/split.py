"""The split into training rows and held-out rows: the same on any machine, without a random number."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from zoo.data.images import ImageSet
from zoo.errors import ConfigError, DataError
from zoo.types import Selection

__all__ = ["limit_rows", "limit_split", "select_images", "split"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def split(keys: Sequence[str], held_out: float) -> Mask:
    """A mask of the training rows: the others are the share `held_out` whose keys hash lowest.

    At least one row on each side if there are two rows and `held_out` is above 0.
    Raises ConfigError unless 0 <= held_out < 1.
    """
    if not (math.isfinite(held_out) and 0 <= held_out < 1):
        raise ConfigError(f"held_out {held_out!r} is not a share from 0 to below 1", "A fifth is 0.2.")
    train = np.ones(len(keys), dtype=bool)
    if held_out > 0 and len(keys) > 1:
        count = min(max(1, round(held_out * len(keys))), len(keys) - 1)
        train[_by_hash(keys)[:count]] = False
    return train


def limit_rows(keys: Sequence[str], limit: int | None) -> list[int]:
    """At most `limit` rows, by the hash of their keys, ascending. Raises ConfigError for a limit below 1."""
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no image", "Give at least 1.")
    if limit is None or limit >= len(keys):
        return list(range(len(keys)))
    # another salt than the split's, else a limit would pick the held-out rows first
    return sorted(_by_hash(keys, salt="limit/")[:limit])


def limit_split(train: Mask, limit: int | None) -> list[int]:
    """At most `limit` rows of a set that is split already, from both sides in proportion, ascending.

    At least one of each side that has any, from a limit of 2 on. Raises ConfigError for a limit below 1.
    """
    sides = [np.flatnonzero(train).tolist(), np.flatnonzero(~train).tolist()]
    if limit is None or limit >= len(train) or limit < 1 or not all(sides):
        return limit_rows([str(row) for row in range(len(train))], limit)
    count = round(limit * len(sides[1]) / len(train))
    count = min(max(count, 1), limit - 1)
    picked: list[int] = []
    for rows, share in zip(sides, (limit - count, count), strict=True):
        if share:
            picked += [rows[i] for i in limit_rows([str(row) for row in rows], share)]
    return sorted(picked)


def _by_hash(keys: Sequence[str], salt: str = "") -> list[int]:
    digests = [hashlib.sha256((salt + key).encode("utf-8", "surrogateescape")).digest() for key in keys]
    return sorted(range(len(keys)), key=digests.__getitem__)


def select_images(images: ImageSet, selection: Selection | None) -> ImageSet:
    """The rows that `selection` asks for, with the selection in its config; the same ones on every machine.

    Raises DataError if the set has no labels, none of a class, or no training row is left.
    """
    if selection is None or selection == Selection():
        return images
    if selection.classes:
        if images.labels is None:
            raise DataError(f"{images.name} has no labels to choose classes by", "Leave `classes` out.")
        rows = torch.isin(images.labels, torch.tensor(selection.classes)).nonzero().squeeze(1)
        missing = sorted(set(selection.classes) - set(images.labels.tolist()))
        if missing:
            raise DataError(f"{images.name} has no image of class {missing[0]}", "zoo components dataset")
        images = images.subset(rows, images.name)
    if selection.tuning:
        images = images.subset(images.train, images.name)
        training = torch.from_numpy(split([f"tuning/{row}" for row in range(len(images))], 0.2))
        images = replace(images, train=training.nonzero().squeeze(1), held_out=(~training).nonzero().squeeze(1))
    if selection.learn_from is not None:
        kept = images.train[torch.tensor(limit_rows([str(row) for row in images.train.tolist()], selection.learn_from))]
        images = images.subset(torch.cat([kept, images.held_out]).sort().values, images.name)
    if not len(images.train):
        raise DataError(f"nothing of {images.name} is left to train on", "Choose more classes or rows.")
    return replace(images, config=replace(images.config, select=selection))
