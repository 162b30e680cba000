"""The cases of the components of zoo-vae. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["moments", "networks"]


def networks() -> Iterable[Case]:
    """Grey and coloured, square and not."""
    yield Case({"width": 8, "levels": 2}, DataSpec((1, 8, 8)))
    yield Case({"width": 8, "levels": 3, "channels": 2}, DataSpec((3, 8, 12), low=0.0, high=1.0))


def moments() -> Iterable[Case]:
    """Mean and log-variance of 2 channels, at places and flat."""
    yield Case(embedding_shape=(4, 3, 5), code_shape=(2, 3, 5))
    yield Case(embedding_shape=6, code_shape=3)
