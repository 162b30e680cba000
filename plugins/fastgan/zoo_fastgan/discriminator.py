"""FastGAN's discriminator: two paths of strided convolutions, of the sample and of the sample at half its side."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.plugin import DataSpec, Discriminator, DiscriminatorOutput
from zoo_fastgan.config import DiscriminatorConfig, Norm, base, channels
from zoo_fastgan.layers import SLOPE, Excitation, conv, norm_layer

__all__ = ["FastGANDiscriminator"]

_EXCITED_FROM = 3
_KERNEL = 4


class FastGANDiscriminator(Discriminator):
    """Samples (N, C, H, W) -> a map of logits for each path, flattened, each a group: 5x5 of an 8x8 map.

    Stages are the maps of the first path, from the sample's side down to twice the base (8x8 for powers of two); the
    second path's last map, of the same side, comes before the last of them. A map is excited by the one that is 8 times
    larger a side, as in FastGAN's code. Samples of 16 px have no second path, those of 8 px are judged at the base.
    Raises CompositionError for sides that cannot be halved down to 4 to 15.
    """

    def __init__(self, config: DiscriminatorConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        steps, sides = base(data)
        halvings = max(1, steps - 1)
        widths = channels(config, data)[: halvings + 1]
        self.enter = nn.Sequential(conv(data.shape[0], widths[0], 3), nn.LeakyReLU(SLOPE))
        self.levels = nn.ModuleList(Halving(n_in, n_out, config.norm) for n_in, n_out in pairwise(widths))
        excited = list(zip(widths, widths[_EXCITED_FROM:], strict=False))
        self.excitations = nn.ModuleList(Excitation(finer, coarser) for finer, coarser in excited)
        self.judge = nn.Sequential(
            conv(widths[-1], widths[-1], 1),
            norm_layer(config.norm, widths[-1]),
            nn.LeakyReLU(SLOPE),
            conv(widths[-1], 1, _KERNEL, padding=0),
        )
        self.small = _small_path(data.shape[0], widths[2:], config.norm) if halvings > 1 else None
        self.judge_small = conv(widths[-1], 1, _KERNEL, padding=0) if halvings > 1 else None
        height, width = (side * 2 ** (steps - halvings) - _KERNEL + 1 for side in sides)
        self.logit_groups = (height * width,) * (1 if self.small is None else 2)

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> logits (N, k) and stages."""
        if self.data.bounded:
            x = (x - self.data.low) * (2 / (self.data.high - self.data.low)) - 1
        stages = [self.enter(x)]
        for i, level in enumerate(self.levels, 1):
            y = level(stages[-1])
            if i >= _EXCITED_FROM:
                y = self.excitations[i - _EXCITED_FROM](stages[i - _EXCITED_FROM], y)
            stages.append(y)
        logits = [self.judge(stages[-1]).flatten(1)]
        if self.small is not None and self.judge_small is not None:
            half = [side // 2 for side in x.shape[2:]]
            small = self.small(interpolate(x, half, mode="bilinear", align_corners=False, antialias=True))
            logits.append(self.judge_small(small).flatten(1))
            stages.insert(-1, small)
        return DiscriminatorOutput(torch.cat(logits, 1), tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> logits (N, k)."""
        return self.discriminate(x).logits


class Halving(nn.Module):
    """(N, n_in, 2h, 2w) -> (N, n_out, h, w): the mean of two convolutions and of a pooled shortcut with one."""

    def __init__(self, n_in: int, n_out: int, norm: Norm) -> None:
        super().__init__()
        self.main = nn.Sequential(*_strided(n_in, n_out, norm), *_same(n_out, n_out, 3, norm))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), *_same(n_in, n_out, 1, norm))

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in, 2h, 2w) -> (N, n_out, h, w)."""
        y: Tensor = (self.main(x) + self.shortcut(x)) / 2
        return y


def _small_path(colours: int, widths: tuple[int, ...], norm: Norm) -> nn.Sequential:
    """Samples at half the side -> a map of `widths[-1]` channels, halved once for each of `widths`."""
    first = [conv(colours, widths[0], 4, 2), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*first, *(layer for a, b in pairwise(widths) for layer in _strided(a, b, norm)))


def _strided(n_in: int, n_out: int, norm: Norm) -> list[nn.Module]:
    return [conv(n_in, n_out, 4, 2), norm_layer(norm, n_out), nn.LeakyReLU(SLOPE)]


def _same(n_in: int, n_out: int, kernel: int, norm: Norm) -> list[nn.Module]:
    return [conv(n_in, n_out, kernel), norm_layer(norm, n_out), nn.LeakyReLU(SLOPE)]
