"""The samples of a GAN as a data set for torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from zoo.errors import ConfigError
from zoo.sampling.series import SampleSeries

__all__ = ["SampledImages"]


class SampledImages(Dataset[Any]):
    """`n` images of a GAN, drawn when they are asked for: item i is the image of `seed` and index i.

    An item is `(image, class)`, an image float32 (C, H, W) in the value range and the number of its class; of a GAN
    with attributes `(image, attributes)`, of one without conditions the image alone. `transform` is applied to the
    image. `class_names` are the classes by number. `model`, `classes` and `truncation` are those of `SampleSeries`.

    A DataLoader asks for whole batches (`__getitems__`), which are generated at once, in its workers too. Item i is the
    same in every epoch and order, but for rounding in batches of another size. Raises ConfigError as `SampleSeries`
    does, and in the workers of a DataLoader for a GAN on a GPU, which they cannot share.
    """

    def __init__(
        self,
        model: Any,
        n: int,
        seed: int = 0,
        *,
        classes: str | None = None,
        truncation: float = 1.0,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        if n < 1:
            raise ConfigError(f"{n} images are no data set", "Ask for one or more.")
        self.series = SampleSeries(model, seed, classes=classes, truncation=truncation)
        self.n, self.transform = n, transform
        self.class_names = self.series.class_names

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        """Item `index`, counted from the end if it is negative. Raises IndexError."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several items, generated together."""
        rows = [int(index) + (self.n if index < 0 else 0) for index in indices]
        if not all(0 <= row < self.n for row in rows):
            raise IndexError(f"there are {self.n:,} images")
        device = next(self.series.gan.generator.parameters()).device
        if device.type != "cpu" and get_worker_info() is not None:
            raise ConfigError(
                f"the workers of a DataLoader cannot use a GAN on {device}",
                "Give DataLoader num_workers=0, or move the GAN to the CPU.",
            )
        drawn = self.series(rows)
        images = [image if self.transform is None else self.transform(image) for image in drawn.images]
        if drawn.condition is None:
            return images
        numbers = drawn.condition.dtype == torch.int64
        return [(image, int(c) if numbers else c) for image, c in zip(images, drawn.condition, strict=True)]
