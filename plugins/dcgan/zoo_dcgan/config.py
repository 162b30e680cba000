"""Settings of the DCGAN networks. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from zoo.plugin import ConfigError, near

__all__ = ["Activation", "EncoderConfig", "GeneratorConfig", "Norm", "Upsampling"]

Norm = Literal["none", "batch", "spectral", "group"]
Upsampling = Literal["transposed", "nearest"]
Activation = Literal["relu", "leaky_relu"]

# far above any use, and far below what would exhaust the memory of a machine that loads a stranger's manifest
_WIDEST = 8192


@dataclass(frozen=True)
class EncoderConfig:
    """Stages have `width`, 2 `width`, 4 `width`, ... channels, at most `max_width` (8 `width` if not given). `slope` is
    that of LeakyReLU below zero, 0 to 1. Raises ConfigError for a value out of range."""

    width: int = 32
    max_width: int | None = None
    norm: Norm = "none"
    slope: float = 0.2

    def __post_init__(self) -> None:
        _check_width("dcgan encoder", self.width, self.max_width)
        _check_choice("dcgan encoder", "norm", self.norm, get_args(Norm))
        if type(self.slope) not in (int, float) or not 0.0 <= self.slope <= 1.0:
            raise ConfigError(f"dcgan encoder: slope {self.slope!r} is not within 0 to 1", "DCGAN uses 0.2.")


@dataclass(frozen=True)
class GeneratorConfig:
    """Stages have the encoder's channels in reverse: ..., 4 `width`, 2 `width`, `width`, then the image's. Raises
    ConfigError for a value out of range."""

    width: int = 32
    max_width: int | None = None
    norm: Norm = "group"
    upsample: Upsampling = "transposed"
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        _check_width("dcgan generator", self.width, self.max_width)
        _check_choice("dcgan generator", "norm", self.norm, get_args(Norm))
        _check_choice("dcgan generator", "upsample", self.upsample, get_args(Upsampling))
        _check_choice("dcgan generator", "activation", self.activation, get_args(Activation))


def _check_width(owner: str, width: int, max_width: int | None) -> None:
    for key, value in (("width", width), ("max_width", max_width)):
        if value is not None and (type(value) is not int or not 1 <= value <= _WIDEST):
            raise ConfigError(f"{owner}: {key} {value!r} is not a whole number within 1 to {_WIDEST:,}")
    if max_width is not None and max_width < width:
        raise ConfigError(
            f"{owner}: max_width {max_width} is below width {width}",
            f"Give max_width={width} or more, or leave it out.",
        )


def _check_choice(owner: str, key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{owner}: {key} {value!r} is unknown", near(str(value), known))
