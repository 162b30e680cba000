"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError

__all__ = ["HoldGeneratorConfig"]


@dataclass(frozen=True)
class HoldGeneratorConfig:
    """The generator is held for `fraction` of the run, 0 to 1."""

    fraction: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ConfigError(f"hold-generator: fraction {self.fraction} is not within 0 and 1", "0.2 is a fifth.")
