"""The components of zoo-fastgan. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """FastGAN's generator, its discriminator, and the loss by which the latter reconstructs."""
    return [
        Component(
            "generator",
            "fastgan",
            "zoo_fastgan.generator:FastGANGenerator",
            "zoo_fastgan.config:GeneratorConfig",
            "gated convolutions with skip-layer excitation, 8 to 256 px",
            cases="zoo_fastgan.cases:generators",
        ),
        Component(
            "discriminator",
            "fastgan",
            "zoo_fastgan.discriminator:FastGANDiscriminator",
            "zoo_fastgan.config:DiscriminatorConfig",
            "two paths of strided convolutions, a map of logits each",
            cases="zoo_fastgan.cases:discriminators",
        ),
        Component(
            "regulariser",
            "reconstruction",
            "zoo_fastgan.reconstruction:Reconstruction",
            "zoo_fastgan.config:ReconstructionConfig",
            "small decoders draw real images from the discriminator's maps",
        ),
    ]
