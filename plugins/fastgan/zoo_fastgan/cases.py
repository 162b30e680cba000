"""Small networks for the conformance checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["discriminators", "generators"]

_SAMPLES = (
    DataSpec((3, 32, 48)),
    DataSpec((1, 64, 64), low=0.0, high=1.0),
    DataSpec((4, 8, 8), kind="code", bounded=False),
)


def generators() -> Iterable[Case]:
    """Images in both value ranges, not all square, and codes of a first stage; with both norms."""
    for data, norm in zip(_SAMPLES, ("batch", "group", "batch"), strict=True):
        yield Case({"width": 4, "norm": norm}, data)


def discriminators() -> Iterable[Case]:
    """The same samples."""
    return generators()
