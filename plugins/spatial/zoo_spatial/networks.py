"""Encoder and decoder with residual blocks, GroupNorm and SiLU (after Esser et al. 2021, "Taming transformers for
high-resolution image synthesis", without attention). No layer depends on the image's size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, Generator, output
from zoo_spatial.config import DecoderConfig, EncoderConfig, sizes_of

__all__ = ["SpatialDecoder", "SpatialEncoder"]

_GROUPS = 4


class SpatialEncoder(Encoder):
    """Samples (N, C, H, W) in [data.low, data.high] -> embedding (N, E, H / factor, W / factor).

    Stage i is the output of the blocks at 2^(i + 1) times smaller a side. Raises CompositionError for other samples.
    """

    def __init__(self, config: EncoderConfig, data: DataSpec) -> None:
        super().__init__()
        channels, (height, width) = sizes_of(config, data)
        self.data = data
        self.stage_channels = channels
        self.embedding_shape = (channels[-1], height, width)
        before = (4 * data.shape[0], *(4 * c for c in channels))
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.PixelUnshuffle(2),
                nn.Conv2d(before[level], c, 3, padding=1),
                *(_Block(c) for _ in range(config.blocks)),
            )
            for level, c in enumerate(channels)
        )
        self.last = nn.Sequential(nn.GroupNorm(_GROUPS, channels[-1]), nn.SiLU())

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        if self.data.bounded:
            x = (x - self.data.low) * (2 / (self.data.high - self.data.low)) - 1
        stages = []
        for level in self.levels:
            x = level(x)
            stages.append(x)
        return Features(self.last(x), tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding


class SpatialDecoder(Generator):
    """Codes (N, c, H / factor, W / factor) -> samples (N, C, H, W) in the value range, with any number of channels c.
    Raises CompositionError for codes of another height or width."""

    first = None

    def __init__(self, config: DecoderConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, place = sizes_of(config, data)
        if len(code_shape) != 3 or code_shape[1:] != place:
            raise CompositionError(
                f"spatial makes samples {list(data.shape)} from codes (c, {place[0]}, {place[1]}); "
                f"asked: {list(code_shape)}",
                f"Give code_shape=(4, {place[0]}, {place[1]}) (--code-shape 4,{place[0]},{place[1]}).",
            )
        self.data, self.code_shape = data, code_shape
        after = (data.shape[0], *channels)
        self.read = nn.Conv2d(code_shape[0], channels[-1], 3, padding=1)
        self.middle = _Block(channels[-1])
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(_Block(c) for _ in range(config.blocks)),
                nn.GroupNorm(_GROUPS, c),
                nn.SiLU(),
                nn.Conv2d(c, 4 * after[level], 3, padding=1),
                nn.PixelShuffle(2),
            )
            for level, c in reversed(list(enumerate(channels)))
        )
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, *data.shape)."""
        h = self.middle(self.read(z))
        for level in self.levels:
            h = level(h)
        x: Tensor = self.output(h)
        return x


class _Block(nn.Module):
    """x -> x + conv(SiLU(norm(conv(SiLU(norm(x)))))); the last convolution begins at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        last = self.layers[-1]
        for weight in last.parameters():
            nn.init.zeros_(weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.layers(x))
