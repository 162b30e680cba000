"""Settings of the controls and of the baselines. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = ["AutoencoderPriorConfig", "RandomEncoderConfig", "ScratchConfig", "ShuffledInitConfig"]


@dataclass(frozen=True)
class ScratchConfig:
    """It has no settings."""


@dataclass(frozen=True)
class RandomEncoderConfig:
    """`seed` draws the weights that replace the encoder's and the bottleneck's."""

    seed: int = 0


@dataclass(frozen=True)
class ShuffledInitConfig:
    """`seed` draws the permutations."""

    seed: int = 0


@dataclass(frozen=True)
class AutoencoderPriorConfig:
    """The mixture's settings, as in gmm-prior."""

    components: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, components=(1, 1000), shrinkage=(0, 1), ridge=(1e-12, MANY))
