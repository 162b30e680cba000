"""The components of zoo-mlp. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A dense encoder and a dense generator."""
    return [
        Component(
            "encoder",
            "mlp",
            "zoo_mlp.encoder:MLPEncoder",
            "zoo_mlp.config:EncoderConfig",
            "dense layers over the flattened sample",
        ),
        Component(
            "generator",
            "mlp",
            "zoo_mlp.generator:MLPGenerator",
            "zoo_mlp.config:GeneratorConfig",
            "dense layers from the code to the sample",
        ),
    ]
