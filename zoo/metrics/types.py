"""The contract of a feature space component (kind `metric`)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["FeatureSpace"]


@runtime_checkable
class FeatureSpace(Protocol):
    """A frozen network whose features are used for metrics (`metric` components). Built by `metric(config)`.

    `sha256` identifies its weights. `features` takes images `(N, C, H, W)` in [-1, 1], with any C, H and W, and returns
    `(N, dim)` in float32. An attribute `kinds`, a frozenset of kinds of data (`DataKind`), says what it measures if
    that is not images: vectors `(N, F)` or codes, in the value range of their spec.
    """

    sha256: str
    dim: int

    def features(self, images: Tensor) -> Tensor: ...
