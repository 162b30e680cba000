"""Settings of FastGAN's networks, and the sizes that follow from them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.plugin import CompositionError, ConfigError, DataSpec

__all__ = ["DiscriminatorConfig", "GeneratorConfig", "Norm", "ReconstructionConfig", "base", "channels"]

Norm = Literal["batch", "group"]

_SMALLEST_BASE, _LARGEST_BASE = 4, 15
_LARGEST_SIDE = 256
_WIDEST = 8192


@dataclass(frozen=True)
class _Widths:
    width: int = 16
    max_width: int | None = None
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        for key in ("width", "max_width"):
            value = getattr(self, key)
            if value is not None and (type(value) is not int or not 1 <= value <= _WIDEST):
                raise ConfigError(f"fastgan: {key} {value!r} is not a whole number within 1 to {_WIDEST:,}")
        if self.max_width is not None and self.max_width < self.width:
            raise ConfigError(f"fastgan: max_width {self.max_width} is below width {self.width}")
        _check_norm(self.norm)


@dataclass(frozen=True)
class GeneratorConfig(_Widths):
    """`width` channels at the sample's side, doubled whenever the side halves, at most `max_width` (8 `width` if not
    given). `norm` is batch norm, as in the paper, or group norm, with which a sample does not depend on the others of
    its batch. Raises ConfigError for a value out of range."""


@dataclass(frozen=True)
class DiscriminatorConfig(_Widths):
    """`width` channels at the sample's side, doubled whenever the side halves, at most `max_width` (8 `width` if not
    given). `norm` is batch norm, as in the paper, or group norm, with which a logit does not depend on the other
    samples of its batch. Raises ConfigError for a value out of range."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """`weight` multiplies the error; it is computed every `interval` steps. The decoders have `width` channels at their
    largest side, doubled whenever the side halves, at most 8 `width`. `norm` is that of the decoders. Raises
    ConfigError for a value out of range."""

    weight: float = 1.0
    width: int = 16
    norm: Norm = "batch"
    interval: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1e6:
            raise ConfigError(f"fastgan: weight {self.weight!r} is not within 0 to 1,000,000")
        if type(self.width) is not int or not 1 <= self.width <= _WIDEST:
            raise ConfigError(f"fastgan: width {self.width!r} is not a whole number within 1 to {_WIDEST:,}")
        if type(self.interval) is not int or self.interval < 1:
            raise ConfigError(f"fastgan: interval {self.interval!r} must be at least 1")
        _check_norm(self.norm)


def base(data: DataSpec) -> tuple[int, tuple[int, int]]:
    """How often the sides of a sample can be halved while both stay whole and 4 or more, and what is left: 4x4 for
    powers of two. Raises CompositionError if that is more than 15 a side, or samples have no place.

    >>> base(DataSpec((3, 96, 128)))
    (4, (6, 8))
    """
    if not data.is_spatial:
        raise CompositionError(f"fastgan is for samples (C, H, W); asked: {list(data.shape)}", "mlp takes vectors.")
    steps, height, width = 0, *data.shape[1:]
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * _SMALLEST_BASE:
        steps, height, width = steps + 1, height // 2, width // 2
    if steps == 0 or max(height, width) > _LARGEST_BASE or max(data.shape[1:]) > _LARGEST_SIDE:
        raise CompositionError(
            f"fastgan halves sides down to {_SMALLEST_BASE} to {_LARGEST_BASE}, which does not work for "
            f"{list(data.shape)}",
            f"Give sides of up to {_LARGEST_SIDE} that are multiples of a power of two, such as 64, 96 or 144.",
        )
    return steps, (height, width)


def channels(config: GeneratorConfig | DiscriminatorConfig, data: DataSpec) -> tuple[int, ...]:
    """The channels at the sample's side, at half of it, ... down to the base.

    >>> channels(GeneratorConfig(width=8), DataSpec((3, 64, 64)))
    (8, 16, 32, 64, 64)
    """
    steps, _ = base(data)
    widest = config.max_width or 8 * config.width
    return tuple(min(config.width * 2**i, widest) for i in range(steps + 1))


def _check_norm(norm: str) -> None:
    if norm not in ("batch", "group"):
        raise ConfigError(f"fastgan: norm {norm!r} is unknown", "It is batch or group.")
