"""Settings of the networks, and the sizes that follow from them. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from zoo.plugin import (
    CompositionError,
    ConfigError,
    DataSpec,
    PartLike,
    PartSpec,
    as_part,
    normalise,
    normalise_discriminator,
)

__all__ = ["DecoderConfig", "EncoderConfig", "NoConfig", "NoiseConfig", "PatchConfig", "VqganConfig", "sizes_of"]

Factor = Literal[2, 4, 8]

_WIDEST = 4096
_DEEPEST = 32
_MOST_LAYERS = 6


@dataclass(frozen=True)
class _Sizes:
    """`factor` is how many times smaller than an image's side a code's side is. Layers have `width` channels at half of
    the image's side, doubled whenever the side halves; each side has `blocks` residual blocks. Raises ConfigError for
    values out of range."""

    factor: Factor = 4
    width: int = 64
    blocks: int = 1

    def __post_init__(self) -> None:
        if self.factor not in (2, 4, 8):
            raise ConfigError(f"spatial: factor {self.factor!r} is not 2, 4 or 8")
        if type(self.width) is not int or not 4 <= self.width <= _WIDEST or self.width % 4:
            raise ConfigError(f"spatial: width {self.width!r} is not a multiple of 4 within 4 to {_WIDEST:,}")
        if type(self.blocks) is not int or not 1 <= self.blocks <= _DEEPEST:
            raise ConfigError(f"spatial: blocks {self.blocks!r} is not a whole number within 1 to {_DEEPEST}")


@dataclass(frozen=True)
class EncoderConfig(_Sizes):
    __doc__ = _Sizes.__doc__

    def bottleneck(self) -> PartSpec:
        """What an autoencoder of this encoder uses unless told otherwise."""
        return PartSpec("spatial/kl")


@dataclass(frozen=True)
class DecoderConfig(_Sizes):
    __doc__ = _Sizes.__doc__


@dataclass(frozen=True)
class NoConfig:
    """There is nothing to set."""


@dataclass(frozen=True)
class NoiseConfig:
    """In training, noise of the standard deviation `noise` is added to codes that are normalised to mean 0 and
    deviation 1 over each image's values. Raises ConfigError unless it is within 0 to 10."""

    noise: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.noise <= 10:
            raise ConfigError(f"spatial: noise {self.noise!r} is not within 0 to 10")


@dataclass(frozen=True)
class PatchConfig:
    """`layers` strided convolutions, of `width` channels first, doubled at each of the next up to eight times. A logit
    sees 16, 34, 70, 142, ... pixels a side with 1, 2, 3, 4, ... layers. Raises ConfigError for values out of range."""

    width: int = 64
    layers: int = 3

    def __post_init__(self) -> None:
        if type(self.width) is not int or not 4 <= self.width <= _WIDEST or self.width % 4:
            raise ConfigError(f"patch: width {self.width!r} is not a multiple of 4 within 4 to {_WIDEST:,}")
        if type(self.layers) is not int or not 1 <= self.layers <= _MOST_LAYERS:
            raise ConfigError(f"patch: layers {self.layers!r} is not a whole number within 1 to {_MOST_LAYERS}")


@dataclass(frozen=True)
class VqganConfig:
    """`absolute` and `squared` weigh the errors |x - y| and (x - y)^2, `perceptual` the distance in the stages of
    `encoder`, with the weights that it is built with (without an encoder there is no such term). After `start` images
    `discriminator` is trained too, and `adversary` weighs the loss against it, times the adaptive weight; with 0 there
    is no discriminator. `beta` weighs the KL term of a bottleneck with a variance, as in core/vae. Raises UnknownName
    for a component that is not there, and ConfigError for values out of range."""

    encoder: PartLike | None = None
    discriminator: PartLike = "spatial/patch"
    absolute: float = 1.0
    squared: float = 1.0
    perceptual: float = 1.0
    adversary: float = 0.5
    start: int = 25_000
    beta: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("absolute", "squared", "perceptual", "adversary", "start", "beta"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"vqgan: {name} {getattr(self, name)} must not be negative, nor infinite")
        if not self.absolute + self.squared:
            raise ConfigError("vqgan: absolute and squared are both 0", "Give one of them: 1 is usual.")
        if self.encoder is not None:
            object.__setattr__(self, "encoder", normalise("encoder", as_part(self.encoder)))
        object.__setattr__(self, "discriminator", normalise_discriminator(as_part(self.discriminator)))


def sizes_of(config: _Sizes, data: DataSpec) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The channels at a half, a quarter, ... of the image's side down to the code's, and the code's height and width.
    Raises CompositionError for samples without a place and sides that are not multiples of the factor."""
    factor = config.factor
    if not data.is_spatial or data.shape[1] % factor or data.shape[2] % factor:
        raise CompositionError(
            f"spatial takes samples (C, H, W) with sides that are multiples of {factor}; asked: {list(data.shape)}",
            "Give such a shape, or another factor.",
        )
    channels = tuple(config.width * 2**level for level in range(factor.bit_length() - 1))
    return channels, (data.shape[1] // factor, data.shape[2] // factor)
