"""The networks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, Generator
from zoo_example.config import ExampleConfig

__all__ = ["ExampleEncoder", "ExampleGenerator"]


class ExampleEncoder(Encoder):
    """Images (N, C, H, W) -> embedding (N, 2 width H/4 W/4), and stages at a half and a quarter of the side."""

    def __init__(self, config: ExampleConfig, data: DataSpec) -> None:
        super().__init__()
        channels, height, width = _image(data)
        self.data = data
        self.stage_channels = (config.width, 2 * config.width)
        self.embedding_shape = (2 * config.width * (height // 4) * (width // 4),)
        self.fine = nn.Conv2d(channels, config.width, 4, stride=2, padding=1)
        self.coarse = nn.Conv2d(config.width, 2 * config.width, 4, stride=2, padding=1)

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        fine = nn.functional.leaky_relu(self.fine(x), 0.2)  # (N, width, H/2, W/2)
        coarse = nn.functional.leaky_relu(self.coarse(fine), 0.2)  # (N, 2 width, H/4, W/4)
        return Features(coarse.flatten(1), (fine, coarse))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding."""
        return self.features(x).embedding


class ExampleGenerator(Generator):
    """Codes (N, *code_shape) -> images (N, C, H, W) in [data.low, data.high]."""

    first: nn.Linear

    def __init__(self, config: ExampleConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, height, width = _image(data)
        self.data = data
        self.code_shape = code_shape
        self.base = (2 * config.width, height // 4, width // 4)
        self.first = nn.Linear(math.prod(code_shape), math.prod(self.base))
        self.middle = nn.ConvTranspose2d(2 * config.width, config.width, 4, stride=2, padding=1)
        self.last = nn.ConvTranspose2d(config.width, channels, 4, stride=2, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, C, H, W)."""
        x = nn.functional.leaky_relu(self.first(z.flatten(1)), 0.2).unflatten(1, self.base)  # (N, 2 width, H/4, W/4)
        x = nn.functional.leaky_relu(self.middle(x), 0.2)  # (N, width, H/2, W/2)
        unit = torch.sigmoid(self.last(x))  # (N, C, H, W)
        image = self.data.low + (self.data.high - self.data.low) * unit
        return image.clamp(self.data.low, self.data.high)


def _image(data: DataSpec) -> tuple[int, int, int]:
    if not data.is_spatial or data.shape[1] % 4 or data.shape[2] % 4:
        raise CompositionError(
            f"example needs images with sides that are multiples of 4, not {list(data.shape)}",
            "For example (1, 32, 32).",
        )
    channels, height, width = data.shape
    return channels, height, width
