"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError

__all__ = ["NetworkConfig", "PerClassPriorConfig", "PriorConfig"]


@dataclass(frozen=True)
class NetworkConfig:
    """`width` is the number of values between the layers."""

    width: int = 128

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 8192:
            raise ConfigError(f"classes: width {self.width} is not within 1 to 8,192")


@dataclass(frozen=True)
class PriorConfig:
    """The number of `classes` of the images."""

    classes: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= 10_000:
            raise ConfigError(f"classes: {self.classes} classes are not within 1 to 10,000")


@dataclass(frozen=True)
class PerClassPriorConfig:
    """`ridge` is added to the variance of each value."""

    ridge: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.ridge < 1e6:
            raise ConfigError(f"per-class-prior: ridge {self.ridge} is not positive and below 1,000,000")
