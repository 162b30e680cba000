"""Settings of the added losses (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = ["DenoisingFeaturesConfig", "FeatureDistillConfig", "FeatureMomentsConfig", "ReconAnchorConfig"]


@dataclass(frozen=True)
class ReconAnchorConfig:
    """`weight` of the anchor at the start; it falls to 0 as a cosine over `images`. `pixels` weighs the L1 distance of
    the images against the distance of the features. With a `balance` above 0 the anchor is scaled before that, so that
    its gradient's norm is `balance` times the adversarial one's."""

    weight: float = 1.0
    pixels: float = 0.1
    images: int = 200_000
    balance: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), pixels=(0, MANY), images=(1, MANY), balance=(0, MANY))


@dataclass(frozen=True)
class FeatureMomentsConfig:
    """`weight` of the moments' distance; their moving average keeps `keep` of itself a step. `alone`: no discriminator
    at all, the generator learns from the moments only."""

    weight: float = 0.3
    keep: float = 0.99
    alone: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), keep=(0, 0.999999))
        if self.alone and not self.weight:
            raise ConfigError("alone with weight 0 leaves the generator nothing to learn from")


@dataclass(frozen=True)
class DenoisingFeaturesConfig:
    """`weight` of the term; the denoiser has three layers of `width` and is trained in `steps` of `batch` codes with
    noise of standard deviation `noise` (codes are standardised)."""

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
    """`discriminator` weighs the features' distance, falling to 0 linearly over `images`; `generator` weighs the L1
    distance between G(z) and the decoder's image of z, falling to 0 linearly over `generator_images`."""

    discriminator: float = 1.0
    images: int = 50_000
    generator: float = 1.0
    generator_images: int = 25_600
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, discriminator=(0, MANY), generator=(0, MANY), images=(1, MANY), generator_images=(1, MANY))
