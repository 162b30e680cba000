"""FastGAN's self-supervision: D's maps must hold enough of a real image to draw it again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.plugin import CompositionError, DataSpec, StepContext, output, per_sample
from zoo_fastgan.config import ReconstructionConfig
from zoo_fastgan.layers import conv, doubling

__all__ = ["Reconstruction"]

_LARGEST = 128
_MOST_TIMES = 8


class Reconstruction(nn.Module):
    """weight E |dec(f(x)) - x| on real images x, averaged over values, summed over decoders (Liu et al. 2021, equation
    4). D's coarsest maps f are decoded whole, and of the next finer one a random quarter, compared with that quarter of
    the image.

    The decoders are trained with D. Images are compared as D saw them, augmented, at the decoders' size, at most 128
    px. The paper measures the difference in the features of a network (LPIPS); the absolute error needs none.
    """

    inputs: frozenset[str] = frozenset()

    def __init__(self, config: ReconstructionConfig) -> None:
        super().__init__()
        self.config = config
        self.interval = config.interval
        self.whole: tuple[int, ...] = ()
        self.part: int | None = None
        self.decoders = nn.ModuleList()

    def build(self, data: DataSpec, stages: Sequence[tuple[int, ...]]) -> None:
        """Build the decoders for D's stages, (c, h, w) each. Raises CompositionError if D has no maps."""
        maps = {i: shape for i, shape in enumerate(stages) if len(shape) == 3 and min(shape[1:]) > 1}
        if not maps or not data.is_spatial:
            raise CompositionError(
                "fastgan/reconstruction decodes the feature maps of the discriminator, and this one has none",
                "Use a discriminator with maps, such as fastgan or dcgan.",
            )
        coarsest = min(shape[1:] for shape in maps.values())
        self.whole = tuple(i for i, shape in maps.items() if shape[1:] == coarsest)
        finer = [i for i, shape in maps.items() if shape[1:] > coarsest]
        self.part = finer[-1] if finer else None
        shapes = [maps[i] for i in self.whole]
        if self.part is not None:
            c, h, w = maps[self.part]
            shapes.append((c, h // 2, w // 2))
        self.decoders = nn.ModuleList(_decoder(shape, data, self.config) for shape in shapes)

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert len(self.decoders), "build comes first"
        assert context.real_output is not None, "D's losses always have it"
        stages = context.real_output.stages
        images = context.augmented(context.real).detach()
        pairs = [(stages[i], images) for i in self.whole]
        if self.part is not None:
            corners = per_sample(lambda m: torch.randint(2, (m, 2), generator=context.rng), len(images), context.rng)
            pairs.append((_quarter(stages[self.part], corners), _quarter(images, corners)))
        errors = [_error(decoder(f.float()), x) for decoder, (f, x) in zip(self.decoders, pairs, strict=True)]
        return self.config.weight * torch.stack(errors).sum()


def _decoder(shape: tuple[int, ...], data: DataSpec, config: ReconstructionConfig) -> nn.Sequential:
    """A map (N, c, h, w) -> images of `data`'s channels, doubled as often as they stay within the image and 128 px."""
    channels, side = shape[0], min(shape[1:])
    largest = min(_LARGEST, *data.shape[1:])
    steps = 0
    while side * 2 ** (steps + 1) <= largest:
        steps += 1
    widths = [channels, *(config.width * min(2**i, _MOST_TIMES) for i in reversed(range(steps)))]
    doublings = [doubling(a, b, config.norm) for a, b in pairwise(widths)]
    return nn.Sequential(*doublings, conv(widths[-1], data.shape[0], 3), output(data))


def _quarter(x: Tensor, corners: Tensor) -> Tensor:
    """One quarter of each of (N, c, h, w): (N, c, h / 2, w / 2), rounded down; corners (N, 2) says which, 0 or 1."""
    height, width = (side // 2 for side in x.shape[2:])
    top, left = (corners.to(x.device) * torch.tensor([x.shape[2] - height, x.shape[3] - width], device=x.device)).T
    rows = top[:, None] + torch.arange(height, device=x.device)
    columns = left[:, None] + torch.arange(width, device=x.device)
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def _error(decoded: Tensor, images: Tensor) -> Tensor:
    size = decoded.shape[2:]
    if images.shape[2:] != size:
        images = interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
    return (decoded - images).abs().mean()
