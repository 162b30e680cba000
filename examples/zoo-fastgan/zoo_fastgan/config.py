"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError, DataSpec

__all__ = ["DiscriminatorConfig", "GeneratorConfig", "SirenConfig"]


@dataclass(frozen=True)
class GeneratorConfig:
    """`width` is the number of channels at 4 px, a multiple of 8; it is halved at each step from 16 px on, down to 8.
    Skip-layer excitation reaches over `skip` doublings of the side (4 in the paper, for 256 px and more)."""

    width: int = 128
    skip: int = 3

    def __post_init__(self) -> None:
        if not 8 <= self.width <= 4096 or self.width % 8:
            raise ConfigError(f"fastgan: width {self.width} is not a multiple of 8 within 8 to 4,096")
        if not 1 <= self.skip <= 8:
            raise ConfigError(f"fastgan: skip {self.skip} is not within 1 to 8")

    def code_shape(self, data: DataSpec) -> tuple[int, ...]:
        """256 values, as in the paper."""
        return (256,)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """`width` is the number of channels at half the side, doubled at each step, up to 8 times."""

    width: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 1024:
            raise ConfigError(f"fastgan: width {self.width} is not within 1 to 1,024")


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
