"""Settings of the residual networks, and their channels at each resolution. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import CompositionError, ConfigError, DataSpec

__all__ = ["ResidualConfig", "base", "channels"]

_SMALLEST_BASE, _LARGEST_BASE = 4, 15
_LARGEST_SIDE = 256
_WIDEST = 8192
_DEEPEST = 32


@dataclass(frozen=True)
class ResidualConfig:
    """`width` channels at the image's side, doubled whenever the side halves, at most `max_width` (8 `width` if not
    given). Each resolution has `blocks` residual blocks, `expansion` times as wide inside, in groups of `group`
    channels (one group if they do not divide evenly). Raises ConfigError for a value out of range.
    """

    width: int = 32
    max_width: int | None = None
    blocks: int = 1
    expansion: int = 2
    group: int = 16

    def __post_init__(self) -> None:
        largest = {"width": _WIDEST, "max_width": _WIDEST, "blocks": _DEEPEST, "expansion": 16, "group": _WIDEST}
        for key, most in largest.items():
            value = getattr(self, key)
            if value is not None and (type(value) is not int or not 1 <= value <= most):
                raise ConfigError(f"r3gan: {key} {value!r} is not a whole number within 1 to {most:,}")
        if self.max_width is not None and self.max_width < self.width:
            raise ConfigError(f"r3gan: max_width {self.max_width} is below width {self.width}")


def channels(config: ResidualConfig, data: DataSpec) -> tuple[int, ...]:
    """The channels at the sample's side, at half of it, ... down to the base.

    >>> channels(ResidualConfig(width=32), DataSpec((1, 32, 32)))
    (32, 64, 128, 256)
    """
    steps, _ = base(data)
    widest = config.max_width or 8 * config.width
    return tuple(min(config.width * 2**i, widest) for i in range(steps + 1))


def base(data: DataSpec) -> tuple[int, tuple[int, int]]:
    """How often the sides of a sample can be halved while both stay whole and 4 or more, and what is left: 4x4 for
    powers of two. Raises CompositionError if that is more than 15 a side, or samples have no place.

    >>> base(DataSpec((3, 96, 128)))
    (4, (6, 8))
    """
    if not data.is_spatial:
        raise CompositionError(f"r3gan is for samples (C, H, W); asked: {list(data.shape)}", "mlp takes vectors.")
    steps, height, width = 0, *data.shape[1:]
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * _SMALLEST_BASE:
        steps, height, width = steps + 1, height // 2, width // 2
    if steps == 0 or max(height, width) > _LARGEST_BASE or max(data.shape[1:]) > _LARGEST_SIDE:
        raise CompositionError(
            f"r3gan halves sides down to {_SMALLEST_BASE} to {_LARGEST_BASE}, which does not work for "
            f"{list(data.shape)}",
            f"Give sides of up to {_LARGEST_SIDE} that are multiples of a power of two, such as 64, 96 or 144.",
        )
    return steps, (height, width)
