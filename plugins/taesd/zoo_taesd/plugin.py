"""The components of zoo-taesd. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2

_CONFIG = "zoo_taesd.config:TaesdConfig"


@hook
def zoo_components() -> Iterable[Component]:
    """A reader of TAESD's files, and the encoder and decoder that it makes of them."""
    return [
        Component(
            "autoencoder",
            "taesd",
            "zoo_taesd.read:read",
            "zoo_taesd.config:ReaderConfig",
            "TAESD, TAESDXL, TAESD3, TAEF1 or TAEF2 from encoder.safetensors and decoder.safetensors",
            cases="zoo_taesd.cases:autoencoders",
        ),
        Component(
            "encoder",
            "taesd",
            "zoo_taesd.networks:TaesdEncoder",
            _CONFIG,
            "TAESD's encoder, 8 times smaller a side",
            cases="zoo_taesd.cases:encoders",
        ),
        Component(
            "generator",
            "taesd",
            "zoo_taesd.networks:TaesdDecoder",
            _CONFIG,
            "TAESD's decoder, 8 times larger a side",
            cases="zoo_taesd.cases:decoders",
        ),
    ]
