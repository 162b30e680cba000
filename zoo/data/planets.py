"""A folder of planets, drawn: pictures in colour that belong to nobody, for a demo that needs no network.

Each picture is a lit sphere of one of five sorts: seas and land, banded gas, desert, a moon with craters, ice. The
surface is fractal noise (Perlin 1985, "An Image Synthesizer": octaves of smoothly interpolated random values) in three
dimensions, so that it has no seam. The same seed gives the same pictures.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from zoo._utils.files import write_atomically
from zoo.data.grids import png_bytes

__all__ = ["draw_planets", "planet"]

_PERIOD = 32
_OVERSAMPLING = 2


def draw_planets(
    folder: Path, count: int, *, size: int = 64, seed: int = 0, drawn: Callable[[int], object] = lambda _: None
) -> None:
    """Write `count` pictures of `size` x `size` px, 0000.png and so on, into the folder; `drawn` gets each number."""
    from PIL import Image

    noise = Noise(seed)
    for i in range(count):
        pixels = (planet(noise, seed * 1_000_003 + i, size) * 255).round().byte()
        write_atomically(folder / f"{i:04d}.png", png_bytes(Image.fromarray(pixels.permute(1, 2, 0).numpy())))
        drawn(i + 1)


class Noise:
    """Smooth random values in [0, 1] of points in space: a lattice of random numbers that repeats, interpolated."""

    def __init__(self, seed: int) -> None:
        values = torch.rand((_PERIOD,) * 3, generator=Generator().manual_seed(seed))
        self._values = functional.pad(values[None, None], (0, 1) * 3, mode="circular")[0, 0]

    def at(self, points: Tensor) -> Tensor:
        """(..., 3) of any values -> (...)."""
        points = points.remainder(_PERIOD)
        corner = points.long().clamp(max=_PERIOD - 1)
        part = points - corner
        part = part * part * (3 - 2 * part)
        total = torch.zeros(points.shape[:-1])
        for bits in range(8):
            step = torch.tensor([bits & 1, bits >> 1 & 1, bits >> 2])
            weight = torch.where(step.bool(), part, 1 - part).prod(-1)
            total += weight * self._values[(corner + step).unbind(-1)]
        return total

    def fractal(self, points: Tensor, octaves: int = 5) -> Tensor:
        """(..., 3) -> (...): each octave is twice as fine and half as strong as the one before it."""
        weights = [2.0**-k for k in range(octaves)]
        layers = [self.at(points * 2**k + 7.3 * k) * weight for k, weight in enumerate(weights)]
        return torch.stack(layers).sum(0) / sum(weights)


class Dice:
    """Random numbers of one picture."""

    def __init__(self, seed: int) -> None:
        self.generator = Generator().manual_seed(seed)

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def point(self) -> Tensor:
        """A place in the noise: (3,)."""
        return torch.rand(3, generator=self.generator) * _PERIOD

    def direction(self) -> Tensor:
        """A unit vector: (3,)."""
        return functional.normalize(torch.randn(3, generator=self.generator), dim=0)


def planet(noise: Noise, seed: int, size: int = 64) -> Tensor:
    """One picture, (3, size, size) in [0, 1]."""
    dice = Dice(seed)
    side = size * _OVERSAMPLING
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(-line, line, indexing="ij")
    radius = dice.between(0.74, 0.86)
    height = (1 - (x * x + y * y) / radius**2).clamp(min=0).sqrt()
    normal = torch.stack([x / radius, y / radius, height], -1)  # of the sphere, where the picture shows it
    edge = ((radius - (x * x + y * y).sqrt()) * side / 2 + 0.5).clamp(0, 1)[..., None]
    surface = normal @ _turned(dice)
    colours, air, glow = _SORTS[int(dice.between(0, len(_SORTS)))](noise, dice, surface)
    bearing = dice.between(1.9, 2.7)
    light = functional.normalize(torch.tensor([math.cos(bearing), math.sin(bearing), dice.between(0.8, 1.3)]), dim=0)
    lit = normal @ light
    lit_colours = colours * (lit * 1.2 + 0.1).clamp(0.02, 1)[..., None] ** 0.8 * 1.1
    lit_colours = lit_colours + air * (glow * (1 - height) ** 3 * (lit + 0.25).clamp(0, 1))[..., None]
    picture = (lit_colours * edge + 1 - edge).clamp(0, 1)
    return functional.avg_pool2d(picture.permute(2, 0, 1)[None], _OVERSAMPLING)[0]


def _turned(dice: Dice) -> Tensor:
    """A rotation (3, 3) of a planet's axis: any spin, a moderate lean."""
    rotation = torch.eye(3)
    for angle, i, j in ((dice.between(-0.4, 0.4), 0, 1), (dice.between(-0.3, 0.3), 1, 2), (dice.between(0, 6.3), 0, 2)):
        turn = torch.eye(3)
        turn[i, i] = turn[j, j] = math.cos(angle)
        turn[i, j], turn[j, i] = -math.sin(angle), math.sin(angle)
        rotation = rotation @ turn
    return rotation


Sort = tuple[Tensor, Tensor, float]
"""Colours of a surface (H, W, 3), colour (3,) and strength of the air."""


def _seas(noise: Noise, dice: Dice, at: Tensor) -> Sort:
    place, sea, hue, green = dice.point(), dice.between(0.47, 0.55), dice.between(0.54, 0.62), dice.between(0.08, 0.36)
    height = noise.fractal(at * 1.5 + place)
    water = _ramp((height / sea) ** 3, [_colour(hue + 0.03, 0.85, 0.3), _colour(hue, 0.7, 0.65)])
    ground = [_colour(green, 0.55, 0.5), _colour(green - 0.05, 0.45, 0.6), _colour(0.08, 0.3, 0.75)]
    colours = _mixed(water, _ramp((height - sea) / 0.25, ground), (height - sea) * 60)
    colours = _mixed(colours, 0.95, _ice(at, height, dice))
    clouds = noise.fractal(at * torch.tensor([2.0, 3.2, 2.0]) + place + 11 + 0.6 * noise.fractal(at * 3, 2)[..., None])
    return _mixed(colours, 1.0, ((clouds - dice.between(0.52, 0.6)) * 7).clamp(max=0.9)), _colour(hue, 0.5, 1), 0.5


def _gas(noise: Noise, dice: Dice, at: Tensor) -> Sort:
    place = dice.point()
    swirl = noise.fractal(at * torch.tensor([1.5, 3.0, 1.5]) + place, 4) - 0.5
    latitude = (at[..., 1] + swirl * dice.between(0.1, 0.25)) * dice.between(3.0, 5.0)
    band = noise.fractal(torch.stack([torch.zeros_like(latitude), latitude, torch.zeros_like(latitude)], -1) + place, 3)
    hue = dice.between(0.03, 0.12) if dice.between(0, 1) < 0.7 else dice.between(0.5, 0.62)
    tones = [(-0.03, 0.65, 0.5), (0.0, 0.5, 0.75), (0.03, 0.18, 0.97), (0.01, 0.45, 0.85)]
    return _ramp((band - 0.25) * 2, [_colour(hue + h, s, v) for h, s, v in tones]), _colour(hue, 0.4, 1), 0.2


def _desert(noise: Noise, dice: Dice, at: Tensor) -> Sort:
    height = noise.fractal(at * 1.8 + dice.point() + 0.8 * noise.fractal(at * 2 + 3, 3)[..., None])
    hue = dice.between(0.01, 0.1)
    tones = [_colour(hue, 0.75, 0.32), _colour(hue + 0.02, 0.7, 0.65), _colour(hue + 0.05, 0.5, 0.92)]
    colours = _mixed(_ramp((height - 0.25) * 2, tones), 0.95, _ice(at, height, dice))
    return colours, _colour(hue + 0.04, 0.5, 1), 0.25


def _moon(noise: Noise, dice: Dice, at: Tensor) -> Sort:
    hue, grey = dice.between(0, 1), dice.between(0, 0.12)
    tones = [_colour(hue, grey, 0.35), _colour(hue, grey, 0.65), _colour(hue, grey / 2, 0.88)]
    colours = _ramp((noise.fractal(at * 2.0 + dice.point()) - 0.25) * 2, tones)
    for _ in range(12):
        reach = (at - dice.direction()).norm(dim=-1) / dice.between(0.12, 0.3)  # 1 at the crater's rim
        shade = torch.where(reach < 1, -0.2 * (1 - reach**4), 0.25 * (-(((reach - 1.08) / 0.14) ** 2)).exp())
        colours = colours * (1 + shade[..., None])
    return colours, _colour(0, 0, 1), 0.0


def _frozen(noise: Noise, dice: Dice, at: Tensor) -> Sort:
    place, hue = dice.point(), dice.between(0.48, 0.85)
    height = noise.fractal(at * 2.0 + place)
    tones = [_colour(hue, 0.6, 0.4), _colour(hue + 0.05, 0.4, 0.78), _colour(hue + 0.08, 0.12, 0.98)]
    cracks = (1 - (noise.fractal(at * 2.5 + place + 3, 4) - 0.5).abs() * 9).clamp(0, 1) * 0.5
    return _mixed(_ramp((height - 0.25) * 2, tones), _colour(hue - 0.08, 0.7, 0.5), cracks), _colour(hue, 0.4, 1), 0.3


_SORTS: tuple[Callable[[Noise, Dice, Tensor], Sort], ...] = (_seas, _gas, _desert, _moon, _frozen)


def _ice(at: Tensor, height: Tensor, dice: Dice) -> Tensor:
    """How much of each place is a polar cap."""
    return (at[..., 1].abs() + (height - 0.5) * 0.7 - dice.between(0.8, 0.98)) * 14


def _mixed(below: Tensor, above: Tensor | float, share: Tensor) -> Tensor:
    """`share` (H, W) of the upper colour, cut to [0, 1], over the lower one."""
    share = share.clamp(0, 1)[..., None]
    return below * (1 - share) + above * share


def _colour(hue: float, saturation: float, value: float) -> Tensor:
    return torch.tensor(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _ramp(at: Tensor, colours: Sequence[Tensor]) -> Tensor:
    """Values (H, W), cut to [0, 1], as colours (H, W, 3) between those given."""
    at = at.clamp(0, 1) * (len(colours) - 1)
    first = at.long().clamp(max=len(colours) - 2)
    table = torch.stack(list(colours))
    return table[first].lerp(table[first + 1], (at - first)[..., None])
