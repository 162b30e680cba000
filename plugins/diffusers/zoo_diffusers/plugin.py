"""The components of zoo-diffusers. Imports neither torch nor diffusers."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2

_CONFIG = "zoo_diffusers.config:ModelConfig"


@hook
def zoo_components() -> Iterable[Component]:
    """A reader of diffusers' folders, and the three parts that it makes of them."""
    return [
        Component(
            "autoencoder",
            "diffusers",
            "zoo_diffusers.read:read",
            "zoo_diffusers.config:ReaderConfig",
            "a pretrained autoencoder in diffusers' layout, such as SD-VAE, TAESD or DC-AE",
            cases="zoo_diffusers.cases:autoencoders",
        ),
        Component(
            "encoder",
            "encoder",
            "zoo_diffusers.parts:DiffusersEncoder",
            _CONFIG,
            "the encoder of a diffusers autoencoder",
            cases="zoo_diffusers.cases:encoders",
        ),
        Component(
            "bottleneck",
            "bottleneck",
            "zoo_diffusers.parts:DiffusersBottleneck",
            _CONFIG,
            "codes as diffusion pipelines scale them",
            cases="zoo_diffusers.cases:bottlenecks",
        ),
        Component(
            "generator",
            "decoder",
            "zoo_diffusers.parts:DiffusersDecoder",
            _CONFIG,
            "the decoder of a diffusers autoencoder",
            cases="zoo_diffusers.cases:decoders",
        ),
    ]
