"""Encoder and decoder of TAESD (O. Boer Bohan, https://github.com/madebyollin/taesd, MIT), layer by layer as in its
files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, Generator
from zoo_taesd.config import TaesdConfig, code_shape_of

__all__ = ["TaesdDecoder", "TaesdEncoder", "decoder_layers", "encoder_layers"]

_LARGEST_CODE = 3.0


class TaesdEncoder(Encoder):
    """Images (N, 3, H, W) in [data.low, data.high] -> codes (N, channels, H / 8, W / 8) as the embedding.

    The stages are the features at the image's side, a half, a quarter and an eighth of it. Raises CompositionError for
    other images.
    """

    def __init__(self, config: TaesdConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.embedding_shape = code_shape_of(config, data)
        self.stage_channels = (config.width,) * 4
        self.layers = encoder_layers(config)

    def features(self, x: Tensor) -> Features:
        """x (N, 3, H, W) -> embedding and stages."""
        h = (x - self.data.low) / (self.data.high - self.data.low)
        stages = []
        for number, layer in enumerate(self.layers):
            if number in (2, 6, 10, 14):  # what follows makes them smaller, or the code
                stages.append(h)
            h = layer(h)
        return Features(h, tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, 3, H, W) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding


class TaesdDecoder(Generator):
    """Codes (N, channels, H / 8, W / 8) -> images (N, 3, H, W), clamped to [data.low, data.high]. Raises
    CompositionError for codes of another shape and other images."""

    first = None

    def __init__(self, config: TaesdConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        actual = code_shape_of(config, data)
        if code_shape != actual:
            raise CompositionError(
                f"taesd makes images {list(data.shape)} from codes {list(actual)}; asked: codes {list(code_shape)}",
                f"Give code_shape={actual}.",
            )
        self.data, self.code_shape = data, code_shape
        self.layers = decoder_layers(config)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, 3, H, W)."""
        x: Tensor = self.layers(z)
        return (x * (self.data.high - self.data.low) + self.data.low).clamp(self.data.low, self.data.high)


def encoder_layers(config: TaesdConfig) -> nn.Sequential:
    """Images in [0, 1] -> codes, with the names of encoder.safetensors."""
    width = config.width
    smaller = [
        [_conv(width, width, stride=2, bias=False), *_blocks(config, 3, config.pooled and level == 2)]
        for level in range(3)
    ]
    return nn.Sequential(
        _conv(3, width),
        _Block(width),
        *(layer for level in smaller for layer in level),
        _conv(width, config.channels),
    )


def decoder_layers(config: TaesdConfig) -> nn.Sequential:
    """Codes -> images about in [0, 1], with the names of decoder.safetensors."""
    width = config.width
    larger = [
        [
            *_blocks(config, 3, config.pooled and level == 0),
            nn.Upsample(scale_factor=2),
            _conv(width, width, bias=False),
        ]
        for level in range(3)
    ]
    return nn.Sequential(
        _SoftClamp(),
        _conv(config.channels, width),
        nn.ReLU(),
        *(layer for level in larger for layer in level),
        _Block(width),
        _conv(width, 3),
    )


class _SoftClamp(nn.Module):
    """z -> 3 tanh(z / 3)."""

    def forward(self, z: Tensor) -> Tensor:
        return _LARGEST_CODE * torch.tanh(z / _LARGEST_CODE)


class _Block(nn.Module):
    """x -> ReLU(conv(x) + x); a pooled one first adds normalised features to x."""

    def __init__(self, width: int, pooled: bool = False) -> None:
        super().__init__()
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(width, 4 * width, 1, bias=False),
                nn.GroupNorm(4, 4 * width),
                nn.ReLU(),
                nn.Conv2d(4 * width, width, 1, bias=False),
            )
        self.pooled = pooled
        self.conv = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        if self.pooled:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def _blocks(config: TaesdConfig, count: int, pooled: bool) -> list[nn.Module]:
    return [_Block(config.width, pooled) for _ in range(count)]


def _conv(inputs: int, outputs: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
