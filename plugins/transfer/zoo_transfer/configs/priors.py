"""Settings of the priors that are fitted to codes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.plugin import ConfigError
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = ["FittedFlowConfig", "FittedGaussianConfig", "FittedMixtureConfig"]


@dataclass(frozen=True)
class FittedGaussianConfig:
    """With `fold` a Gaussian with a full covariance is folded into the generator's first layer, and the GAN keeps the
    prior N(0, I). `ridge` is added to the covariance's diagonal. With a `rank` the covariance has so many factors and a
    diagonal of at least `ridge`, and the Gaussian becomes the prior; it is fitted to at most `max_codes` codes, evenly
    spread. The rank `auto` is `full` up to 2,048 values a code, then 32."""

    fold: bool = True
    ridge: float = 1e-4
    rank: int | Literal["auto", "full"] = "auto"
    max_codes: int = 8192

    def __post_init__(self) -> None:
        _check_rank(self.rank)
        check_ranges(self, max_codes=(2, MANY))
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")


@dataclass(frozen=True)
class FittedMixtureConfig:
    """`components` Gaussians, fitted to at most `max_codes` codes, evenly spread. Each covariance is shrunk towards its
    diagonal by `shrinkage`, 0 to 1, and `ridge` is added to the diagonal. With a `rank` each covariance has so many
    factors and a diagonal of at least `ridge`. The rank `auto` is `full` if all covariances hold at most 4,194,304
    numbers (10 components: up to 647 values a code), else 32. `seed` draws the initial means."""

    components: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-4
    seed: int = 0
    rank: int | Literal["auto", "full"] = "auto"
    max_codes: int = 8192

    def __post_init__(self) -> None:
        _check_rank(self.rank)
        check_ranges(self, max_codes=(2, MANY))
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


def _check_rank(rank: int | str) -> None:
    if isinstance(rank, int) and not 1 <= rank <= 4096:
        raise ConfigError(f"rank {rank} is not within 1 to 4,096")
