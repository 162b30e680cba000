"""The transformations of adaptive discriminator augmentation (ADA: Karras et al. 2020, "Training generative adversarial
networks with limited data", appendix B), differentiable twice, for penalties on D's gradient.

Three of the paper's groups: pixel blitting, geometry and colour, together its choice `bgc`. Each transformation is
applied with the probability p on its own; all that move pixels become one matrix, all that change colours another.
Unlike in the paper, images are sampled bilinearly, without a filter against aliasing, and are mirrored at their edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo._utils.seeds import per_sample
from zoo.types import DataSpec

__all__ = ["KINDS", "Transforms", "draw_transforms", "transform"]

KINDS = ("ada-blit", "ada-geometry", "ada-colour")

_SHIFT = 0.125
_SCALE, _CONTRAST, _SATURATION = 0.2, 0.5, 1.0
"""Standard deviations of the logarithms to base 2."""
_BRIGHTNESS = 0.2
_CHANNELS = 3
_GREY = torch.tensor([1.0, 1.0, 1.0, 0.0]) / 3**0.5
"""The axis of grey values in homogeneous RGB."""


@dataclass(frozen=True, slots=True)
class Transforms:
    """For N images: `places` (N, 3, 3) maps centred pixel coordinates (x, y, 1) of the result to those of the image,
    `colours` (N, 4, 4) maps (r, g, b, 1) with a middle of 0; None changes nothing. float32, on the CPU."""

    places: Tensor | None
    colours: Tensor | None


def draw_transforms(
    kinds: tuple[str, ...], n: int, data: DataSpec, rng: torch.Generator | None, p: float
) -> Transforms | None:
    """Random transformations of n images of the kinds that are ADA's, each with the probability p; None if none is."""
    if not set(kinds) & set(KINDS):
        return None
    places: Tensor | None = None
    if "ada-blit" in kinds:
        places = _blit(n, data, rng, p)
    if "ada-geometry" in kinds:
        geometry = _geometry(n, data, rng, p)
        places = geometry if places is None else places @ geometry
    return Transforms(places, _colours(n, rng, p) if "ada-colour" in kinds else None)


def transform(u: Tensor, transforms: Transforms) -> Tensor:
    """Images (N, C, H, W) with a middle of 0 -> the same shape. Colours change if C is 1 or 3."""
    if transforms.places is not None:
        u = _moved(u, transforms.places.to(u.device))
    if transforms.colours is not None:
        u = _coloured(u, transforms.colours.to(u))
    return u


def _blit(n: int, data: DataSpec, rng: torch.Generator | None, p: float) -> Tensor:
    """A mirror image, quarter turns (half turns if the sides differ), and a shift by whole pixels."""
    height, width = data.shape[1:]
    applied, uniform = _uniform(n, 3, rng) < p, _uniform(n, 4, rng)
    mirrored = applied[:, 0] & (uniform[:, 0] < 0.5)
    turns = (uniform[:, 1] * 4).floor() if height == width else 2 * (uniform[:, 1] * 2).floor()
    shifts = ((2 * uniform[:, 2:] - 1) * _SHIFT * torch.tensor([width, height])).round() * applied[:, 2, None]
    mirror = _scaling(1.0 - 2.0 * mirrored, torch.ones(n))
    return mirror @ _rotation(torch.pi / 2 * turns * applied[:, 1]) @ _shift(shifts)


def _geometry(n: int, data: DataSpec, rng: torch.Generator | None, p: float) -> Tensor:
    """A scale, a rotation, a stretch, a second rotation and a shift. Either rotation has the probability
    1 - sqrt(1 - p), so that an image is rotated with the probability p."""
    height, width = data.shape[1:]
    rotated = 1 - math.sqrt(1 - p)
    applied = _uniform(n, 5, rng) < torch.tensor([p, rotated, p, rotated, p])
    angles = (2 * _uniform(n, 2, rng) - 1) * torch.pi * applied[:, [1, 3]]
    normal = per_sample(lambda m: torch.randn(m, 4, generator=rng), n, rng)
    scale = torch.exp2(normal[:, 0] * _SCALE * applied[:, 0])
    stretch = torch.exp2(normal[:, 1] * _SCALE * applied[:, 2])
    shifts = normal[:, 2:] * _SHIFT * torch.tensor([width, height]) * applied[:, 4, None]
    scaled = _scaling(scale, scale) @ _rotation(angles[:, 0])
    return scaled @ _scaling(stretch, 1 / stretch) @ _rotation(angles[:, 1]) @ _shift(shifts)


def _colours(n: int, rng: torch.Generator | None, p: float) -> Tensor:
    """Brightness, contrast, an inversion of the luma alone, a rotation of the hue, and saturation."""
    applied, uniform = _uniform(n, 5, rng) < p, _uniform(n, 2, rng)
    normal = per_sample(lambda m: torch.randn(m, 3, generator=rng), n, rng)
    eye, grey = torch.eye(4), torch.outer(_GREY, _GREY)
    colours = eye.repeat(n, 1, 1)
    colours[:, :3, 3] = (normal[:, 0] * _BRIGHTNESS * applied[:, 0])[:, None]
    contrast = torch.exp2(normal[:, 1] * _CONTRAST * applied[:, 1])
    colours[:, :3] *= contrast[:, None, None]
    inverted = (applied[:, 2] & (uniform[:, 0] < 0.5)).float()
    colours = (eye - 2 * grey * inverted[:, None, None]) @ colours
    colours = _hue((2 * uniform[:, 1] - 1) * torch.pi * applied[:, 3]) @ colours
    saturation = torch.exp2(normal[:, 2] * _SATURATION * applied[:, 4])
    keep = torch.diag(torch.tensor([0.0, 0.0, 0.0, 1.0]))
    return (grey + keep + (eye - keep - grey) * saturation[:, None, None]) @ colours


def _uniform(n: int, count: int, rng: torch.Generator | None) -> Tensor:
    return per_sample(lambda m: torch.rand(m, count, generator=rng), n, rng)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def _rotation(angles: Tensor) -> Tensor:
    cos, sin = angles.cos(), angles.sin()
    matrices = torch.eye(3).repeat(len(angles), 1, 1)
    matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1] = cos, -sin, sin, cos
    return matrices


def _shift(pixels: Tensor) -> Tensor:
    matrices = torch.eye(3).repeat(len(pixels), 1, 1)
    matrices[:, :2, 2] = pixels
    return matrices


def _hue(angles: Tensor) -> Tensor:
    """Rotations about the axis of grey (Rodrigues' formula), (N, 4, 4)."""
    x, y, z, _ = _GREY.tolist()
    cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    matrices = torch.eye(4).repeat(len(angles), 1, 1)
    matrices[:, :3, :3] = cos * torch.eye(3) + sin * cross + (1 - cos) * torch.outer(_GREY[:3], _GREY[:3])
    return matrices


def _moved(u: Tensor, places: Tensor) -> Tensor:
    """Each pixel of the result is the bilinear mean of the four around its place in the image. torch's own grid_sample
    cannot be differentiated twice."""
    _, _, height, width = u.shape
    x = torch.arange(width, device=u.device, dtype=torch.float32) - (width - 1) / 2
    y = torch.arange(height, device=u.device, dtype=torch.float32) - (height - 1) / 2
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width), torch.ones_like(x * y[:, None])])
    origins = places[:, :2] @ grid.flatten(1)  # (N, 2, H W)
    left, top = origins[:, 0] + (width - 1) / 2, origins[:, 1] + (height - 1) / 2
    column, row = left.floor(), top.floor()
    right, low = (left - column).to(u)[..., None], (top - row).to(u)[..., None]
    batch = torch.arange(len(u), device=u.device)[:, None]
    values = u.permute(0, 2, 3, 1)

    def at(down: int, across: int) -> Tensor:
        return values[batch, _mirrored(row + down, height), _mirrored(column + across, width)]  # (N, H W, C)

    upper = at(0, 0) * (1 - right) + at(0, 1) * right
    lower = at(1, 0) * (1 - right) + at(1, 1) * right
    return (upper * (1 - low) + lower * low).transpose(1, 2).reshape(u.shape)


def _mirrored(index: Tensor, side: int) -> Tensor:
    """Indices of any size, mirrored at the edges into 0 to side - 1."""
    index = index.long().remainder(2 * side)
    return torch.minimum(index, 2 * side - 1 - index)


def _coloured(u: Tensor, colours: Tensor) -> Tensor:
    pixels = u.flatten(2)
    if u.shape[1] == _CHANNELS:
        changed = colours[:, :3, :3] @ pixels + colours[:, :3, 3:]
    else:  # the mean of the colours that grey becomes
        mean = colours[:, :3].mean(1, keepdim=True)
        changed = pixels * mean[:, :, :3].sum(2, keepdim=True) + mean[:, :, 3:]
    return changed.reshape(u.shape)
