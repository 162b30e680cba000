"""The components of zoo-r3gan. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """R3GAN's discriminator as an encoder, and its generator."""
    config = "zoo_r3gan.config:ResidualConfig"
    return [
        Component(
            "encoder", "r3gan", "zoo_r3gan.encoder:R3GANEncoder", config, "grouped residual blocks, no norm, to 4x4"
        ),
        Component(
            "generator", "r3gan", "zoo_r3gan.generator:R3GANGenerator", config, "grouped residual blocks, no norm"
        ),
    ]
