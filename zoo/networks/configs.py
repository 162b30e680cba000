"""Settings of the bottlenecks and priors that come with the core (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ConfigError

__all__ = ["GaussianPriorConfig", "MixturePriorConfig", "NoConfig", "NormalPriorConfig"]


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
