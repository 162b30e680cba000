"""Small cases for the conformance checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case, DataSpec

__all__ = ["encoders"]


def encoders() -> Iterable[Case]:
    """RGB with fresh weights: fetching has a test of its own."""
    yield Case({"pretrained": False}, DataSpec((3, 32, 48)))
    yield Case({"pretrained": False}, DataSpec((1, 32, 32), low=0.0, high=1.0))
