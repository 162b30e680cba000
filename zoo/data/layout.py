"""What the folders around images say: the side of the split that a file is on, and its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from zoo.data.folder import printable

__all__ = ["Layout", "layout_by_class", "layout_of"]

_TRAIN = ("train", "training")
_HELD_OUT = ("test", "val", "valid", "validation", "eval", "held-out", "held_out", "heldout")


@dataclass(frozen=True, slots=True)
class Layout:
    """Of N files: `train` (N,) marks those to learn from, None if the folders have no split; `classes` are the names of
    the folders that hold the files, ascending, and `labels` their numbers (N,), None if some file lies in none: so many
    as `unlabelled` says."""

    train: np.ndarray[tuple[int], np.dtype[np.bool_]] | None
    classes: tuple[str, ...]
    labels: np.ndarray[tuple[int], np.dtype[np.int64]] | None
    unlabelled: int = 0

    def take(self, rows: Sequence[int]) -> Layout:
        """The layout of those files alone, in that order."""
        train = None if self.train is None else self.train[list(rows)]
        labels = None if self.labels is None else self.labels[list(rows)]
        return Layout(train, self.classes, labels, min(self.unlabelled, len(rows)))


def layout_of(names: Sequence[str]) -> Layout:
    """The layout of relative paths: `dress/1.jpg` is of the class `dress`; `train/dress/1.jpg` too, if the only
    folders at the top are `train` and one or more called test, val, validation, eval or held-out."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    tops = {parts[0].lower() if parts else "" for parts in folders}
    train = None
    if tops & set(_TRAIN) and tops & set(_HELD_OUT) and tops <= {*_TRAIN, *_HELD_OUT}:
        train = np.array([parts[0].lower() in _TRAIN for parts in folders])
        folders = [parts[1:] for parts in folders]
    return replace(layout_by_class([parts[0] if parts else "" for parts in folders]), train=train)


def layout_by_class(names: Sequence[str]) -> Layout:
    """The layout, without a split, of files whose classes are called so; an empty name means none."""
    missing = sum(not name for name in names)
    if missing or not names:
        return Layout(None, (), None, missing)
    shown = [printable(name) for name in names]
    classes = tuple(sorted(set(shown)))
    numbers = {name: number for number, name in enumerate(classes)}
    return Layout(None, classes, np.array([numbers[name] for name in shown], dtype=np.int64))
