"""Settings of the networks of rows and of their objective. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError

__all__ = ["RowEncoderConfig", "RowGeneratorConfig", "RowLossConfig"]

_WIDEST, _DEEPEST = 16_384, 64


@dataclass(frozen=True)
class RowEncoderConfig:
    """Hidden layers of `widths`, 1 to 64 of them. Raises ConfigError for other numbers."""

    widths: tuple[int, ...] = (256, 256)

    def __post_init__(self) -> None:
        _check_widths(self.widths)


@dataclass(frozen=True)
class RowGeneratorConfig:
    """Hidden layers of `widths`, 1 to 64 of them. Raises ConfigError for other numbers."""

    widths: tuple[int, ...] = (256, 256)

    def __post_init__(self) -> None:
        _check_widths(self.widths)


@dataclass(frozen=True)
class RowLossConfig:
    """`hidden` is the share of a row's columns that the encoder does not see and the decoder has to fill in; `noise` is
    the standard deviation of noise on the code, and `code_penalty` the weight of its squared norm; with a bottleneck
    that has a variance, `beta` is the weight of the code's divergence from N(0, I) instead. Raises ConfigError for
    values out of range."""

    hidden: float = 0.0
    noise: float = 0.0
    code_penalty: float = 1e-3
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.hidden < 1:
            raise ConfigError(f"hidden {self.hidden} is not a share within 0 and below 1", "A fifth is 0.2.")
        for name in ("noise", "code_penalty", "beta"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise ConfigError(f"{name} {getattr(self, name)} is not within 0 to a million")


def _check_widths(widths: tuple[int, ...]) -> None:
    if not 1 <= len(widths) <= _DEEPEST or not all(type(width) is int and 1 <= width <= _WIDEST for width in widths):
        raise ConfigError(
            f"widths {list(widths)[:8]} are not 1 to {_DEEPEST} whole numbers within 1 to {_WIDEST:,}",
            "For example [256, 256].",
        )
