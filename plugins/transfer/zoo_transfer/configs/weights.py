"""Settings of the strategies that copy, freeze or hold weights (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = [
    "DecoderDistillConfig",
    "DecoderInitConfig",
    "ElasticConfig",
    "EncoderInitConfig",
    "FreezeLowerConfig",
    "RecalibratedNormConfig",
    "SpectralGainConfig",
    "StartingPointConfig",
]


@dataclass(frozen=True)
class DecoderInitConfig:
    """The discriminator learns alone for `warmup_images`, or until it ranks more than `warmup_accuracy` of the pairs
    (real, generated) right (1: no end before); then the generator's learning rate rises linearly from `ramp_start`
    times its own to its own over `ramp_images`. With both 0 the generator learns from the start."""

    warmup_images: int = 0
    warmup_accuracy: float = 0.8
    ramp_images: int = 0
    ramp_start: float = 0.25

    def __post_init__(self) -> None:
        check_ranges(self, warmup_images=(0, MANY), ramp_images=(0, MANY), ramp_start=(0, 1), warmup_accuracy=(0.5, 1))


@dataclass(frozen=True)
class DecoderDistillConfig(DecoderInitConfig):
    """The generator learns for `steps` of `batch` codes with Adam, its `learning_rate` falling to 0 as a cosine; `seed`
    draws the codes. Then the game begins as in decoder-init."""

    steps: int = 1_000
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, steps=(0, 1e7), batch=(2, 1e6), learning_rate=(1e-9, 1))


@dataclass(frozen=True)
class EncoderInitConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class SpectralGainConfig:
    """`base`: a discriminator, whose spectrally normalised layers get a fixed gain."""

    base: PartSpec


@dataclass(frozen=True)
class FreezeLowerConfig:
    """`stages` of the discriminator, from the image on, that do not learn until the part `unfreeze_after` of the budget
    is spent (1: never)."""

    stages: int = 1
    unfreeze_after: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, stages=(0, 1000), unfreeze_after=(0, 1))


@dataclass(frozen=True)
class StartingPointConfig:
    """`generator` and `discriminator` weigh the squared distance of each net's weights from their start."""

    generator: float = 1e-3
    discriminator: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, generator=(0, MANY), discriminator=(0, MANY))


@dataclass(frozen=True)
class ElasticConfig:
    """`weight` of the anchor; the Fisher information is estimated on `samples` codes drawn with `seed`."""

    weight: float = 1e-3
    samples: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), samples=(1, 1e6))


@dataclass(frozen=True)
class RecalibratedNormConfig:
    """`batches` of `batch` codes each; `seed` draws them."""

    batches: int = 100
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, batches=(0, 1e6), batch=(2, 1e6))
