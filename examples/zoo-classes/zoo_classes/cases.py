"""The cases of the components of zoo-classes. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, Condition, DataSpec

__all__ = ["networks", "priors", "strategies"]

_TWO, _THREE = Condition(("cat", "dog")), Condition(("0", "1", "2"), shares=(0.5, 0.3, 0.2))


def networks() -> Iterable[Case]:
    """Images and vectors, of two and three classes."""
    yield Case({"width": 8}, DataSpec((1, 8, 8), condition=_TWO))
    yield Case({"width": 8}, DataSpec((3, 6, 10), low=0.0, high=1.0, condition=_THREE))
    yield Case({"width": 8}, DataSpec((7,), condition=_THREE))


def priors() -> Iterable[Case]:
    """Flat codes and codes that keep their place."""
    yield Case({"classes": 2}, DataSpec((1, 8, 8), condition=_TWO), code_shape=6)
    yield Case({"classes": 3}, DataSpec((1, 8, 8), condition=_THREE), code_shape=(2, 2, 3))


def strategies() -> Iterable[Case]:
    """Small images of three classes."""
    yield Case(data=DataSpec((1, 8, 8), condition=_THREE))
