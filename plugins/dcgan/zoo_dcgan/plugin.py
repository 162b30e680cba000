"""What zoo-dcgan offers. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A convolutional encoder and its mirror image."""
    return [
        Component(
            "encoder",
            "dcgan",
            "zoo_dcgan.encoder:DcganEncoder",
            "zoo_dcgan.config:EncoderConfig",
            "strided convolutions down to 4x4, 8 to 256 px",
        ),
        Component(
            "generator",
            "dcgan",
            "zoo_dcgan.generator:DcganGenerator",
            "zoo_dcgan.config:GeneratorConfig",
            "4x4 and doubled up to 8 to 256 px",
        ),
    ]
