"""Settings of zoo's own bottlenecks and priors. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ConfigError

__all__ = [
    "FlowPriorConfig",
    "GaussianPriorConfig",
    "LowRankPriorConfig",
    "MixturePriorConfig",
    "NoConfig",
    "NormalPriorConfig",
    "TruncatedPriorConfig",
    "UniformPriorConfig",
]


@dataclass(frozen=True)
class NoConfig:
    """A component without settings."""


@dataclass(frozen=True)
class NormalPriorConfig:
    """N(0, I)."""


@dataclass(frozen=True)
class GaussianPriorConfig:
    """A Gaussian with a full covariance, fitted to codes."""


@dataclass(frozen=True)
class MixturePriorConfig:
    """A mixture of `components` Gaussians with full covariances, fitted to codes."""

    components: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.components <= 1000:
            raise ConfigError(f"a mixture of {self.components} components is not within 1 to 1,000")


@dataclass(frozen=True)
class LowRankPriorConfig:
    """A mixture of `components` Gaussians with covariances of `rank` factors and a diagonal, fitted to codes. A `rank`
    above the number of a code's values counts as that number."""

    components: int = 1
    rank: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.components <= 1000:
            raise ConfigError(f"a mixture of {self.components} components is not within 1 to 1,000")
        if not 1 <= self.rank <= 4096:
            raise ConfigError(f"rank {self.rank} is not within 1 to 4,096")


@dataclass(frozen=True)
class UniformPriorConfig:
    """Each value uniform in [-half_width, half_width]; the default has variance 1."""

    half_width: float = 3**0.5

    def __post_init__(self) -> None:
        if not 0 < self.half_width < 1e6:
            raise ConfigError(f"half_width {self.half_width} must be positive and below 1,000,000")


@dataclass(frozen=True)
class TruncatedPriorConfig:
    """N(0, I) with every value within `threshold`, 0.001 to 10: lower gives better and less varied samples."""

    threshold: float = 2.0

    def __post_init__(self) -> None:
        if not 1e-3 <= self.threshold <= 10:
            raise ConfigError(f"threshold {self.threshold} is not within 0.001 to 10")


@dataclass(frozen=True)
class FlowPriorConfig:
    """A RealNVP flow of `layers` affine couplings, each with two hidden layers of `width`."""

    layers: int = 6
    width: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= 64:
            raise ConfigError(f"a flow of {self.layers} layers is not within 1 to 64")
        if not 1 <= self.width <= 8192:
            raise ConfigError(f"width {self.width} is not within 1 to 8,192")
