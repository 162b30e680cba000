"""The components of zoo-dcgan. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """DCGAN's discriminator as an encoder, and its generator."""
    return [
        Component(
            "encoder",
            "dcgan",
            "zoo_dcgan.encoder:DCGANEncoder",
            "zoo_dcgan.config:EncoderConfig",
            "strided convolutions down to 4x4, 8 to 256 px",
        ),
        Component(
            "generator",
            "dcgan",
            "zoo_dcgan.generator:DCGANGenerator",
            "zoo_dcgan.config:GeneratorConfig",
            "transposed convolutions from 4x4 to 8 to 256 px",
        ),
    ]
