"""Settings of the strategies that copy, freeze or penalise weights. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = [
    "DecoderDistillConfig",
    "DecoderInitConfig",
    "EWCConfig",
    "EncoderInitConfig",
    "FreezeLowerConfig",
    "L2SPConfig",
    "RecalibratedNormConfig",
    "SpectralGainConfig",
]


@dataclass(frozen=True)
class DecoderInitConfig:
    """D is trained alone for `warmup_images`, or until it ranks more than the share `warmup_accuracy` of the pairs
    (real, generated) correctly (1: never before). Then the generator's learning rate rises linearly over `ramp_images`,
    from the fraction `ramp_start` to its full value. With both counts 0 the generator is trained from the first
    step."""

    warmup_images: int = 0
    warmup_accuracy: float = 0.8
    ramp_images: int = 0
    ramp_start: float = 0.25

    def __post_init__(self) -> None:
        check_ranges(self, warmup_images=(0, MANY), ramp_images=(0, MANY), ramp_start=(0, 1), warmup_accuracy=(0.5, 1))


@dataclass(frozen=True)
class DecoderDistillConfig(DecoderInitConfig):
    """The generator is trained on the decoder's images for `steps` of `batch` codes with Adam; the `learning_rate`
    falls to 0 as a cosine, and `seed` draws the codes. The other settings are those of decoder-init."""

    steps: int = 1_000
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, steps=(0, 1e7), batch=(2, 1e6), learning_rate=(1e-9, 1))


@dataclass(frozen=True)
class EncoderInitConfig:
    """It has no settings."""


@dataclass(frozen=True)
class SpectralGainConfig:
    """`base` is the discriminator whose spectrally normalised layers get a gain."""

    base: PartSpec


@dataclass(frozen=True)
class FreezeLowerConfig:
    """The discriminator's first `stages`, counted from the image, are frozen until the fraction `unfreeze_after` of the
    budget is spent (1: for the whole run)."""

    stages: int = 1
    unfreeze_after: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, stages=(0, 1000), unfreeze_after=(0, 1))


@dataclass(frozen=True)
class L2SPConfig:
    """`generator` and `discriminator` are the weights of each network's squared distance from its start."""

    generator: float = 1e-3
    discriminator: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, generator=(0, MANY), discriminator=(0, MANY))


@dataclass(frozen=True)
class EWCConfig:
    """`weight` of the penalty; the Fisher information is estimated on `samples` codes drawn with `seed`."""

    weight: float = 1e-3
    samples: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, weight=(0, MANY), samples=(1, 1e6))


@dataclass(frozen=True)
class RecalibratedNormConfig:
    """The statistics are averages over `batches` of `batch` codes each, drawn with `seed`."""

    batches: int = 100
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, batches=(0, 1e6), batch=(2, 1e6))
