"""Small networks for the conformance checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["bottlenecks", "decoders", "discriminators", "encoders", "objectives"]

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


def discriminators() -> Iterable[Case]:
    """The same samples, as many layers as fit."""
    for data, layers in zip(_DATA, (2, 1, 1), strict=True):
        yield Case({"layers": layers, "width": 4}, data)


def objectives() -> Iterable[Case]:
    """An error alone; then also in features, and against a discriminator from the start."""
    encoder = {"component": "spatial", "config": {"factor": 2, "width": 4}}
    patch = {"component": "spatial/patch", "config": {"layers": 1, "width": 4}}
    yield Case({"adversary": 0.0})
    yield Case({"encoder": encoder, "discriminator": patch, "start": 0})
