"""The networks of FastGAN: Liu et al. 2021, "Towards faster and stabilized GAN training for high-fidelity few-shot
image synthesis"."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Discriminator, DiscriminatorOutput, Generator, output
from zoo_fastgan.config import DiscriminatorConfig, GeneratorConfig

__all__ = ["FastGANDiscriminator", "FastGANGenerator"]

_BASE = 4
_NARROWEST = 8


class Noise(nn.Module):
    """Adds noise of a learnt strength to each pixel while training."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return x + self.strength * torch.randn_like(x[:, :1]) if self.training else x


class Up(nn.Sequential):
    """Doubles the side: (N, inputs, H, W) -> (N, outputs, 2 H, 2 W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False),
            Noise(),
            nn.BatchNorm2d(2 * outputs),
            nn.GLU(dim=1),
        )


class Excitation(nn.Sequential):
    """Skip-layer excitation: a factor in 0 to 1 for each of the finer stage's channels, from a coarse stage."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(_BASE),
            nn.Conv2d(coarse, fine, _BASE),
            nn.SiLU(),
            nn.Conv2d(fine, fine, 1),
            nn.Sigmoid(),
        )


class FastGANGenerator(Generator):
    """Codes (N, 256) -> images (N, C, H, H) in the value range, of a side of 16, 32, 64, ... px."""

    first: nn.Linear

    def __init__(self, config: GeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        doublings = _doublings(data)
        self.data = data
        self.code_shape = code_shape
        self.skip = config.skip
        widths = [max(config.width >> max(level - 1, 0), _NARROWEST) for level in range(doublings + 1)]
        self.first = nn.Linear(math.prod(code_shape), 2 * config.width * _BASE**2)
        self.norm = nn.BatchNorm2d(2 * config.width)
        self.ups = nn.ModuleList(itertools.starmap(Up, itertools.pairwise(widths)))
        self.excitations = nn.ModuleList(map(Excitation, widths, widths[config.skip :]))
        self.last = nn.Conv2d(widths[-1], data.shape[0], 3, padding=1)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, 256) -> x (N, C, H, H)."""
        x = self.norm(self.first(z.flatten(1)).unflatten(1, (-1, _BASE, _BASE)))
        stages = [nn.functional.glu(x, dim=1)]  # each (N, widths[i], 4 * 2^i, 4 * 2^i)
        for level, up in enumerate(self.ups, 1):
            x = up(stages[-1])
            if level >= self.skip:
                x = x * self.excitations[level - self.skip](stages[level - self.skip])
            stages.append(x)
        return self.output(self.last(stages[-1]))


class FastGANDiscriminator(Discriminator):
    """Images (N, C, H, H) -> 25 logits, each of a patch."""

    logit_groups = (25,)

    def __init__(self, config: DiscriminatorConfig, data: DataSpec) -> None:
        super().__init__()
        steps = _doublings(data) - 1  # halved to 8 px
        self.data = data
        widths = [data.shape[0], *(config.width << min(step, 3) for step in range(steps))]
        self.downs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 4, stride=2, padding=1),
                nn.GroupNorm(1, outputs),
                nn.LeakyReLU(0.2),
            )
            for inputs, outputs in itertools.pairwise(widths)
        )
        self.head = nn.Conv2d(widths[-1], 1, 4)  # 8 px -> 5 x 5

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, C, H, H) -> logits (N, 25) and the stages at H/2, H/4, ... 8 px."""
        stages: list[Tensor] = []
        for down in self.downs:
            stages.append(down(stages[-1] if stages else x))
        return DiscriminatorOutput(self.head(stages[-1]).flatten(1), tuple(stages))


def _doublings(data: DataSpec) -> int:
    """How often 4 px are doubled to the side of the images. Raises CompositionError for other sizes."""
    if data.is_spatial and data.shape[1] == data.shape[2] >= 16 and not data.shape[1] & (data.shape[1] - 1):
        return (data.shape[1] // _BASE).bit_length() - 1
    raise CompositionError(
        f"fastgan needs square images of 16, 32, 64, ... px, not {list(data.shape)}", "For example (3, 64, 64)."
    )
