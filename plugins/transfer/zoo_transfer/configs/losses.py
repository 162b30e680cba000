"""Settings of the auxiliary losses. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = ["DenoisingFeaturesConfig", "FeatureDistillConfig", "FeatureMomentsConfig", "ReconAnchorConfig"]


@dataclass(frozen=True)
class ReconAnchorConfig:
    """`weight` of the loss at the start; it falls to 0 as a cosine over `images`. `pixels` is the weight of the images'
    L1 distance relative to the features' distance. If `balance` is above 0, the loss is first scaled so that the norm
    of its gradient is `balance` times that of the adversarial loss."""

    weight: float = 1.0
    pixels: float = 0.1
    images: int = 200_000
    balance: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), pixels=(0, MANY), images=(1, MANY), balance=(0, MANY))


@dataclass(frozen=True)
class FeatureMomentsConfig:
    """`weight` of the moments' distance; `keep` is the decay of the moving averages per step. With `alone` the
    generator is trained on the moments only, without a discriminator."""

    weight: float = 0.3
    keep: float = 0.99
    alone: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), keep=(0, 0.999999))
        if self.alone and not self.weight:
            raise ConfigError("alone with weight 0 leaves the generator nothing to learn from")


@dataclass(frozen=True)
class DenoisingFeaturesConfig:
    """`weight` of the loss. The denoiser has three hidden layers of `width`; it is trained with Adam for `steps` of
    `batch` standardised codes, with noise of standard deviation `noise`. `seed` draws its weights and the noise."""

    weight: float = 0.05
    width: int = 512
    noise: float = 1.0
    steps: int = 1000
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), width=(1, 8192), noise=(0, 100), steps=(1, 1e7), batch=(2, 1e6))
        check_ranges(self, learning_rate=(1e-9, 1))


@dataclass(frozen=True)
class FeatureDistillConfig:
    """`discriminator` is the weight of the features' distance at the start; it falls to 0 linearly over `images`.
    `generator` is the weight of the L1 distance between G's image and the decoder's at the start; it falls to 0
    linearly over `generator_images`. `seed` draws the adapters' weights."""

    discriminator: float = 1.0
    images: int = 50_000
    generator: float = 1.0
    generator_images: int = 25_600
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, discriminator=(0, MANY), generator=(0, MANY), images=(1, MANY), generator_images=(1, MANY))
