"""Settings of the strategy that trains a GAN of codes in pixels, and of its generator. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = ["DecodedGeneratorConfig", "PixelFinetuneConfig"]


@dataclass(frozen=True)
class DecodedGeneratorConfig:
    """A `generator` of codes of the shape `codes`, and the `decoder` of these."""

    generator: PartSpec
    decoder: PartSpec
    codes: tuple[int, ...]


@dataclass(frozen=True)
class PixelFinetuneConfig:
    """The generator's learning rate is `rate` times the recipe's. D is trained alone for `warmup_images`, or until it
    ranks more than the share `warmup_accuracy` of the pairs (real, generated) correctly (1: never before). `seed` draws
    the weights of D's head."""

    rate: float = 0.1
    warmup_images: int = 2_000
    warmup_accuracy: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, rate=(0, 1), warmup_images=(0, MANY), warmup_accuracy=(0.5, 1))
