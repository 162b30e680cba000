"""Settings of the residual networks, and their channels at each resolution. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import CompositionError, ConfigError, DataSpec

__all__ = ["SIZES", "ResidualConfig", "channels"]

SIZES = (8, 16, 32, 64, 128, 256)
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


def channels(config: ResidualConfig, data: DataSpec, verb: str) -> tuple[int, ...]:
    """The channels at the image's side, at half of it, ... down to 4x4.

    Raises CompositionError unless images are square with a side in `SIZES`.

    >>> channels(ResidualConfig(width=32), DataSpec((1, 32, 32)), "reads")
    (32, 64, 128, 256)
    """
    if not data.is_spatial or data.shape[1] != data.shape[2] or data.shape[1] not in SIZES:
        raise CompositionError(
            f"r3gan {verb} square images of {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} px; "
            f"asked: {list(data.shape)}",
            "Give such a shape: other images are scaled or padded to it.",
        )
    steps = (data.shape[1] // 4).bit_length()
    widest = config.max_width or 8 * config.width
    return tuple(min(config.width * 2**i, widest) for i in range(steps))
