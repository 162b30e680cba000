"""The cases of the strategy. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Case

__all__ = ["fractions"]


def fractions() -> Iterable[Case]:
    """Held for a fifth and for half of the run."""
    yield Case({"fraction": 0.2})
    yield Case({"fraction": 0.5})
