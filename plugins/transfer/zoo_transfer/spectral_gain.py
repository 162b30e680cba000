"""A discriminator whose spectrally normalised layers keep a scale of their own."""

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
    """The base discriminator with W = gain W / sigma(W) in each spectrally normalised layer of its trunk. Raises
    CompositionError for a base that is not an encoder with a head."""
    base = build_discriminator(config.base, data, device=torch.get_default_device().type)
    if not isinstance(base, EncoderDiscriminator):
        raise CompositionError(
            f"{config.base.component} is not an encoder with a head", "Give spectral-gain an encoder as its base."
        )
    keep_gains(base.encoder)
    return base


def with_gains(gan: GAN) -> GAN:
    """The GAN with gains in its discriminator's trunk, all 1; the one given is left as it is."""
    discriminate = copy.deepcopy(gan.discriminator)
    keep_gains(discriminate.encoder)  # type: ignore[arg-type]
    settings = SpectralGainConfig(gan.specs["discriminator"])
    spec = normalise("discriminator", PartSpec("transfer/spectral-gain", to_plain(settings)))
    return GAN(gan.prior, gan.generator, discriminate, gan.specs | {"discriminator": spec})
