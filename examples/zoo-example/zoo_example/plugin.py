"""The components of zoo-example. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """An encoder and a generator."""
    config = "zoo_example.config:ExampleConfig"
    return [
        Component("encoder", "example", "zoo_example.net:ExampleEncoder", config, "two strided convolutions"),
        Component("generator", "example", "zoo_example.net:ExampleGenerator", config, "two transposed convolutions"),
    ]
