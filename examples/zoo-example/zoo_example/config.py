"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError

__all__ = ["ExampleConfig"]


@dataclass(frozen=True)
class ExampleConfig:
    """`width` is the number of channels at half the image's side, 1 to 4,096. Raises ConfigError for any other."""

    width: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 4096:
            raise ConfigError(f"example: width {self.width} is not within 1 to 4,096")
