"""What a run learns from and is measured in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from zoo.specs import DataSpec

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = [
    "Dataset",
    "FeatureSpace",
]


@runtime_checkable
class Dataset(Protocol):
    """Real images. Built by `dataset(config)`, from files that came with the plugin; never downloads in silence.

    `images` is uint8, `(N, H, W)` or `(N, H, W, C)`; `labels` `(N,)` or None; `train` marks the rows to learn
    from, the others are held out. `spec` is how they are best prepared; `license` (SPDX) and `credit` travel
    into every release made from them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    train: np.ndarray
    spec: DataSpec
    license: str
    credit: str


@runtime_checkable
class FeatureSpace(Protocol):
    """A frozen network in whose features distances are measured (`metric` components). Built by `metric(config)`.

    `sha256` identifies its weights; `features` takes images `(N, C, H, W)` in [-1, 1], any C and size, and gives
    `(N, dim)` float32 in eval mode.
    """

    sha256: str
    dim: int

    def features(self, images: Tensor) -> Tensor: ...
