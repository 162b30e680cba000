"""The components of zoo-spatial, and the registry of its release. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """Encoder, two bottlenecks, decoder, a discriminator of patches and the objective that uses it."""
    return [
        Component(
            "encoder",
            "spatial",
            "zoo_spatial.networks:SpatialEncoder",
            "zoo_spatial.config:EncoderConfig",
            "residual, 2, 4 or 8 times smaller a side; for codes (c, h, w)",
            cases="zoo_spatial.cases:encoders",
        ),
        Component(
            "generator",
            "spatial",
            "zoo_spatial.networks:SpatialDecoder",
            "zoo_spatial.config:DecoderConfig",
            "residual, 2, 4 or 8 times larger a side; from codes (c, h, w)",
            cases="zoo_spatial.cases:decoders",
        ),
        Component(
            "bottleneck",
            "kl",
            "zoo_spatial.bottlenecks:VariationalBottleneck",
            "zoo_spatial.config:NoConfig",
            "mean and variance at each place",
            cases="zoo_spatial.cases:bottlenecks",
        ),
        Component(
            "bottleneck",
            "noise",
            "zoo_spatial.bottlenecks:NoisyBottleneck",
            "zoo_spatial.config:NoiseConfig",
            "normalised codes with noise of a fixed size in training",
            cases="zoo_spatial.cases:bottlenecks",
        ),
        Component(
            "discriminator",
            "patch",
            "zoo_spatial.discriminator:PatchDiscriminator",
            "zoo_spatial.config:PatchConfig",
            "PatchGAN: a logit for each of many overlapping patches",
            cases="zoo_spatial.cases:discriminators",
        ),
        Component(
            "objective",
            "vqgan",
            "zoo_spatial.objective:Vqgan",
            "zoo_spatial.config:VqganConfig",
            "autoencoder: L1, squared and perceptual error, then a discriminator",
            cases="zoo_spatial.cases:objectives",
        ),
    ]


@hook
def zoo_registries() -> list[Path]:
    """The registry of the first stage that comes with this package."""
    return [Path(__file__).parent / "registry.toml"]
