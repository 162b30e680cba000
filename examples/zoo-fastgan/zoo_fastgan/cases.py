"""The cases of the components of zoo-fastgan. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["discriminators", "generators", "sirens"]


def generators() -> Iterable[Case]:
    """A side of 16 px without excitation, and of 32 px with it."""
    yield Case({"width": 16}, DataSpec((1, 16, 16)))
    yield Case({"width": 16}, DataSpec((3, 32, 32), low=0.0, high=1.0))


def discriminators() -> Iterable[Case]:
    """The same sizes."""
    yield Case({"width": 4}, DataSpec((1, 16, 16)))
    yield Case({"width": 4}, DataSpec((3, 32, 32), low=0.0, high=1.0))


def sirens() -> Iterable[Case]:
    """Square or not, of sides that are no power of two."""
    yield Case({"width": 8}, DataSpec((1, 9, 9)), code_shape=5)
    yield Case({"width": 8}, DataSpec((3, 7, 13), low=0.0, high=1.0), code_shape=(2, 2, 3))
