"""Settings of the priors that are fitted to codes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError
from zoo_transfer.configs.ranges import check_ranges

__all__ = ["FittedFlowConfig", "FittedGaussianConfig", "FittedMixtureConfig"]


@dataclass(frozen=True)
class FittedGaussianConfig:
    """With `fold` the Gaussian is folded into the generator's first layer, and the GAN keeps the prior N(0, I). `ridge`
    is added to the covariance's diagonal."""

    fold: bool = True
    ridge: float = 1e-4

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")


@dataclass(frozen=True)
class FittedMixtureConfig:
    """`components` Gaussians with full covariances. Each covariance is shrunk towards its diagonal by `shrinkage`, 0 to
    1, and `ridge` is added to the diagonal. `seed` draws the initial means."""

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


@dataclass(frozen=True)
class FittedFlowConfig:
    """A flow of `layers` affine couplings with networks of `width`, fitted with Adam for `steps` of `batch` codes.
    `seed` draws its weights and the batches."""

    layers: int = 6
    width: int = 64
    steps: int = 1000
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, layers=(1, 64), width=(1, 8192), steps=(1, 1e7), batch=(1, 1e6), learning_rate=(1e-9, 1))
