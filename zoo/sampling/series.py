"""The samples of a GAN that one seed names, any of them at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.errors import ConfigError
from zoo.networks.gan import CHUNK, GAN

__all__ = ["EVERY_CLASS", "SampleSeries", "Samples"]

EVERY_CLASS = "all"
"""Asks for every class in turn, so that each has as many samples."""


@dataclass(frozen=True)
class Samples:
    """Samples with their `index` (n,), int64; `samples` (n, *data.shape) as the discriminator sees them, `images` (n,
    *output.shape) in the value range, which are the same without a first stage, and the condition (n, ...) or None. On
    the CPU."""

    index: Tensor
    samples: Tensor
    images: Tensor
    condition: Tensor | None


class SampleSeries:
    """The samples that `seed` and an index name: index i is what `zoo sample --seeds SEED:i` draws.

    `model` is a loaded release or a run, or a GAN. `classes` is the class of all, or `all`: sample i has the class i
    modulo their number. By default classes and attributes are drawn in the training images' shares. A sample is the
    same whichever others are drawn, but for rounding in batches of another size; `CHUNK` samples that begin at a
    multiple of `CHUNK` are those of `GAN.sample`, bit for bit. Raises ConfigError without a GAN of images, and for an
    unknown class.
    """

    def __init__(self, model: Any, seed: int = 0, *, classes: str | None = None, truncation: float = 1.0) -> None:
        gan = model if isinstance(model, GAN) else getattr(model, "gan", None)
        if gan is None:
            raise ConfigError("there is no GAN to draw samples from", "Give zoo.load(...) of a release with a GAN.")
        if not gan.output.is_image:
            raise ConfigError(f"samples of {gan.output} are no images", "Use gan.sample(n, seed).")
        self.gan: GAN = gan
        self.seed, self.classes, self.truncation = seed, classes, truncation
        self.every = classes == EVERY_CLASS and EVERY_CLASS not in self.class_names
        if self.every and not self.class_names:
            raise ConfigError("this GAN was not trained with classes", "Leave --class out.")
        self._condition([0])  # an unknown class is refused before anything is drawn

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; none if the GAN takes none."""
        condition = self.gan.condition
        return condition.classes if condition is not None else ()

    def __call__(self, index: Sequence[int] | range) -> Samples:
        """The samples of those indices."""
        names = [(self.seed, i) for i in index]
        condition = self._condition(index)
        codes = self.gan.draw(len(names), names, condition, truncation=self.truncation)
        samples = self.gan.generate(codes, condition, CHUNK)
        images = self.gan.to_output(samples).clamp(self.gan.output.low, self.gan.output.high)
        return Samples(torch.tensor(list(index)), samples, images, condition)

    def _condition(self, index: Sequence[int] | range) -> Tensor | None:
        names = [(self.seed, i) for i in index]
        if not self.every:
            return self.gan.conditions(len(names), names, self.classes)
        return torch.tensor([i % len(self.class_names) for i in index])
