"""Small networks for the conformance checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["bottlenecks", "decoders", "encoders"]

_DATA = (DataSpec((3, 16, 24)), DataSpec((1, 8, 8), low=0.0, high=1.0), DataSpec((4, 8, 8), kind="code", bounded=False))
_FACTORS = (4, 2, 2)


def encoders() -> Iterable[Case]:
    """Images in both value ranges, and codes of a first stage."""
    for data, factor in zip(_DATA, _FACTORS, strict=True):
        yield Case({"factor": factor, "width": 4}, data)


def decoders() -> Iterable[Case]:
    """Images in both value ranges, and codes of a first stage."""
    for data, factor in zip(_DATA, _FACTORS, strict=True):
        code_shape = (3, data.shape[1] // factor, data.shape[2] // factor)
        yield Case({"factor": factor, "width": 4}, data, code_shape=code_shape)


def bottlenecks() -> Iterable[Case]:
    """A code at each place."""
    yield Case(embedding_shape=(6, 4, 5), code_shape=(3, 4, 5))
