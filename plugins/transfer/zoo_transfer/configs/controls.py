"""Settings of the controls and of the baselines. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_transfer.configs.priors import FittedMixtureConfig

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
class AutoencoderPriorConfig(FittedMixtureConfig):
    """The mixture's settings, as in gmm-prior."""
