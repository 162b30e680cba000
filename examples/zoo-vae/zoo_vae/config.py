"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import CompositionError, ConfigError, DataSpec

__all__ = ["KLConfig", "MomentsConfig", "TinyConfig"]


@dataclass(frozen=True)
class MomentsConfig:
    """The bottleneck has no settings."""


@dataclass(frozen=True)
class NetworkConfig:
    """`channels` of a code, `width` channels in between, a multiple of 4, and `levels` of resolution: each halves the
    one before. Encoder and generator have the same settings."""

    width: int = 32
    levels: int = 3
    channels: int = 4

    def __post_init__(self) -> None:
        if not 4 <= self.width <= 1024 or self.width % 4:
            raise ConfigError(f"vae: width {self.width} is not a multiple of 4 within 4 to 1,024")
        if not 1 <= self.levels <= 8 or not 1 <= self.channels <= 1024:
            raise ConfigError(f"vae: levels {self.levels} and channels {self.channels} are not within 1 to 8 and 1,024")

    def code_shape(self, data: DataSpec) -> tuple[int, ...]:
        """(channels, h, w). Raises CompositionError if the sides cannot be halved that often."""
        factor = 2 ** (self.levels - 1)
        if not data.is_spatial or data.shape[1] % factor or data.shape[2] % factor:
            raise CompositionError(
                f"vae with {self.levels} levels needs images with sides that are multiples of {factor}, not "
                f"{list(data.shape)}",
                f"For example ({data.shape[0]}, {4 * factor}, {4 * factor}), or fewer levels.",
            )
        return (self.channels, data.shape[1] // factor, data.shape[2] // factor)


@dataclass(frozen=True)
class KLConfig(NetworkConfig):
    """The settings of the networks of AutoencoderKL."""

    def bottleneck(self) -> str:
        """The embedding is mean and log-variance."""
        return "vae/moments"


@dataclass(frozen=True)
class TinyConfig(NetworkConfig):
    """The settings of the networks of AutoencoderTiny."""

    def bottleneck(self) -> str:
        """The embedding is the code."""
        return "core/identity"
