"""The components of zoo-siren. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A generator."""
    return [
        Component(
            "generator",
            "siren",
            "zoo_siren.siren:SirenGenerator",
            "zoo_siren.config:SirenConfig",
            "each pixel from its coordinates: Sitzmann et al. 2020",
            cases="zoo_siren.cases:sirens",
        ),
    ]
