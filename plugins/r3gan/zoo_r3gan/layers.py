"""Residual blocks without normalisation, and resampling by a bilinear filter (Huang et al. 2024, "The GAN is dead; long
live the GAN!", section 3: ResNeXt bottlenecks, Fixup-style initialisation)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from zoo_r3gan.config import ResidualConfig

__all__ = ["SLOPE", "Resample", "ResidualBlock", "blocks", "conv"]

SLOPE = 0.2
_GAIN: float = nn.init.calculate_gain("leaky_relu", SLOPE)


class ResidualBlock(nn.Module):
    """x + f(x), (N, c, s, s) -> the same shape; f is 1x1, grouped 3x3, 1x1 with LeakyReLU between.

    The last convolution is initialised to zero, so that a fresh block is the identity. The others are scaled by
    `depth`^(-1/4), with `depth` the number of blocks in the network, so that the sum of the residual branches keeps its
    variance (Zhang et al. 2019, "Fixup initialization").
    """

    def __init__(self, width: int, config: ResidualConfig, depth: int) -> None:
        super().__init__()
        inner = width * config.expansion
        groups = inner // config.group if inner % config.group == 0 else 1
        scale = _GAIN * depth**-0.25
        self.widen = conv(width, inner, 1, scale, bias=True)
        self.mix = conv(inner, inner, 3, scale, groups=groups, bias=True)
        self.narrow = conv(inner, width, 1, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, c, s, s) -> the same shape."""
        y = leaky_relu(self.widen(x), SLOPE)
        y = leaky_relu(self.mix(y), SLOPE)
        z: Tensor = self.narrow(y)
        return x + z


class Resample(nn.Module):
    """(N, a, s, s) -> (N, b, s factor, s factor): resampling by the bilinear filter (1, 3, 3, 1) / 8, and a 1x1
    convolution if a and b differ. The convolution runs on the smaller map."""

    def __init__(self, n_in: int, n_out: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.change = conv(n_in, n_out, 1, 1.0) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, a, s, s) -> (N, b, s factor, s factor)."""
        if self.factor > 1:
            return _resize(self.change(x), self.factor)
        return self.change(_resize(x, self.factor))

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


def blocks(width: int, config: ResidualConfig, depth: int) -> nn.Sequential:
    """The blocks of one resolution; `depth` is the number of blocks in the whole network."""
    return nn.Sequential(*(ResidualBlock(width, config, depth) for _ in range(config.blocks)))


def conv(n_in: int, n_out: int, kernel: int, gain: float, *, groups: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps the map's size, with weights N(0, gain^2 / fan-in) and zero bias."""
    layer = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, groups=groups, bias=bias)
    nn.init.normal_(layer.weight, 0.0, gain / (n_in // groups * kernel * kernel) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _resize(x: Tensor, factor: float) -> Tensor:
    size = [round(side * factor) for side in x.shape[-2:]]
    return interpolate(x, size, mode="bilinear", align_corners=False, antialias=factor < 1)
