"""The contract of a data set component."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from zoo.types import DataSpec

__all__ = ["Dataset"]


@runtime_checkable
class Dataset(Protocol):
    """Real images. Built by `dataset(config)`, from files that came with the plugin; never downloads in silence.

    `images` is uint8, `(N, H, W)` or `(N, H, W, C)`; `labels` `(N,)` or None, their classes called `classes[label]` if
    there is such an attribute, else like the label; `train` marks the rows to learn from, the others are held out.
    `spec` is how they are best prepared; `license` (SPDX) and `credit` travel into every release made from them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    train: np.ndarray
    spec: DataSpec
    license: str
    credit: str
