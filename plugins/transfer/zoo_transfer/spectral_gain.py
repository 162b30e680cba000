"""A discriminator whose spectrally normalised layers are multiplied by a fixed gain."""

from __future__ import annotations

import copy

import torch

from zoo.plugin import (
    GAN,
    CompositionError,
    DataSpec,
    EncoderDiscriminator,
    PartSpec,
    build_discriminator,
    keep_gains,
    normalise,
    to_plain,
)
from zoo_transfer.configs.weights import SpectralGainConfig

__all__ = ["spectral_gain", "with_gains"]


def spectral_gain(config: SpectralGainConfig, data: DataSpec) -> EncoderDiscriminator:
    """The base discriminator with W' = gain W / sigma(W) in each spectrally normalised layer of its trunk.

    Raises CompositionError if the base is not an encoder with a head.
    """
    base = build_discriminator(config.base, data, seed=torch.initial_seed(), device=torch.get_default_device().type)
    if not isinstance(base, EncoderDiscriminator):
        raise CompositionError(
            f"{config.base.component} is not an encoder with a head", "Give spectral-gain an encoder as its base."
        )
    keep_gains(base.encoder)
    return base


def with_gains(gan: GAN) -> GAN:
    """The GAN with gains of 1 in a copy of its discriminator."""
    discriminator = copy.deepcopy(gan.discriminator)
    keep_gains(discriminator.encoder)  # type: ignore[arg-type]
    config = SpectralGainConfig(gan.specs["discriminator"])
    spec = normalise("discriminator", PartSpec("transfer/spectral-gain", to_plain(config)))
    return gan.with_part("discriminator", discriminator, spec)
