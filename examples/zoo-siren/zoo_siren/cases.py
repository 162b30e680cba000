"""The cases of the component of zoo-siren. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["sirens"]


def sirens() -> Iterable[Case]:
    """Square or not, of sides that are no power of two."""
    yield Case({"width": 8}, DataSpec((1, 9, 9)), code_shape=5)
    yield Case({"width": 8}, DataSpec((3, 7, 13), low=0.0, high=1.0), code_shape=(2, 2, 3))
