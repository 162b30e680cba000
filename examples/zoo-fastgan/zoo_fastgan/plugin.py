"""The components of zoo-fastgan. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """Two generators and a discriminator."""
    return [
        Component(
            "generator",
            "fastgan",
            "zoo_fastgan.fastgan:FastGANGenerator",
            "zoo_fastgan.config:GeneratorConfig",
            "skip-layer excitation: Liu et al. 2021",
            cases="zoo_fastgan.cases:generators",
        ),
        Component(
            "discriminator",
            "fastgan",
            "zoo_fastgan.fastgan:FastGANDiscriminator",
            "zoo_fastgan.config:DiscriminatorConfig",
            "25 logits, each of a patch",
            cases="zoo_fastgan.cases:discriminators",
        ),
        Component(
            "generator",
            "siren",
            "zoo_fastgan.siren:SirenGenerator",
            "zoo_fastgan.config:SirenConfig",
            "each pixel from its coordinates: Sitzmann et al. 2020",
            cases="zoo_fastgan.cases:sirens",
        ),
    ]
