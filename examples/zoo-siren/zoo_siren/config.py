"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError

__all__ = ["SirenConfig"]


@dataclass(frozen=True)
class SirenConfig:
    """`layers` sine layers of `width` values; `frequency` is the factor of the coordinates in the first one."""

    width: int = 64
    layers: int = 3
    frequency: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 4096 or not 1 <= self.layers <= 32:
            raise ConfigError(f"siren: {self.layers} layers of {self.width} are not within 1 to 32 of 1 to 4,096")
        if not 0 < self.frequency <= 1000:
            raise ConfigError(f"siren: frequency {self.frequency} is not within 0 to 1,000")
