"""The components of zoo-timed. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A strategy."""
    return [
        Component(
            "transfer",
            "hold-generator",
            "zoo_timed.strategy:HoldGenerator",
            "zoo_timed.config:HoldGeneratorConfig",
            "the generator is trained after a fifth of the run",
            cases="zoo_timed.cases:fractions",
        )
    ]
