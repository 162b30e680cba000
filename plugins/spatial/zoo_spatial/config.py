"""Settings of the networks, and the sizes that follow from them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.plugin import CompositionError, ConfigError, DataSpec, PartSpec

__all__ = ["DecoderConfig", "EncoderConfig", "NoConfig", "NoiseConfig", "sizes_of"]

Factor = Literal[2, 4, 8]

_WIDEST = 4096
_DEEPEST = 32


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
