"""What zoo-r3gan offers. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A residual encoder and its mirror image."""
    config = "zoo_r3gan.config:ResidualConfig"
    return [
        Component(
            "encoder", "r3gan", "zoo_r3gan.encoder:ResidualEncoder", config, "grouped residual blocks, no norm, to 4x4"
        ),
        Component(
            "generator", "r3gan", "zoo_r3gan.generator:ResidualGenerator", config, "grouped residual blocks, no norm"
        ),
    ]
