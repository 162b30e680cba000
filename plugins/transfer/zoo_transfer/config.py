"""Settings of the strategies (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ConfigError

__all__ = ["DecoderInitConfig", "EncoderInitConfig", "GaussianPriorConfig", "MixturePriorConfig", "ScratchConfig"]


@dataclass(frozen=True)
class ScratchConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class DecoderInitConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class EncoderInitConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class GaussianPriorConfig:
    """`fold`: put the Gaussian into the generator's first layer, so that the GAN keeps N(0, I). `ridge` is added to the
    covariance's diagonal."""

    fold: bool = True
    ridge: float = 1e-4

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")


@dataclass(frozen=True)
class MixturePriorConfig:
    """`components` Gaussians with full covariances, each shrunk towards its diagonal by `shrinkage`."""

    components: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.components <= 1000:
            raise ConfigError(f"components {self.components} is not within 1 to 1,000")
        if not 0 <= self.shrinkage <= 1:
            raise ConfigError(f"shrinkage {self.shrinkage} is not within 0 to 1")
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")
