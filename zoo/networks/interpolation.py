"""Paths between codes, and between classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from zoo.errors import ConfigError
from zoo.networks.conditioning import conditions_of, takes_condition
from zoo.networks.gan import GAN

__all__ = ["interpolate", "walk"]


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Spherical interpolation (Shoemake 1985) between codes (N, d) and (N, d): (N, steps, d), with both ends.

    Codes from a Gaussian prior lie near a sphere, and linear interpolation would leave it. Parallel codes are
    interpolated linearly.
    """
    t = torch.linspace(0, 1, steps)[None, :, None]
    a, b = start[:, None].double(), end[:, None].double()
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)[..., None]
    angle = torch.arccos(cosine)
    on_circle = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    path = torch.where(torch.sin(angle).abs() < 1e-4, (1 - t) * a + t * b, on_circle)
    return path.to(start.dtype)


def walk(gan: GAN, rows: int, steps: int, seed: int = 0, *, classes: tuple[str, str] | None = None) -> Tensor:
    """Images (rows * steps, *gan.output.shape) along `rows` walks between pairs of codes from the prior; the first are
    the same for every number of walks.

    `classes` are those of both ends; by default each walk stays in a class of the training images' shares. If the
    classes differ, a generator that takes one gets shares of both along the way. Raises ConfigError for an unknown
    class, and for a generator that takes no shares.
    """
    names = [(seed, 2 * row + end) for end in (0, 1) for row in range(rows)]
    if gan.condition is None and classes is None:
        ends = gan.draw(2 * rows, names)
        return gan.to_output(gan.generate(interpolate(ends[:rows], ends[rows:], steps).flatten(0, 1)))
    if classes is None:
        own = gan.conditions(rows, seed)
        assert own is not None
        condition = torch.cat([own, own])
    else:
        condition = conditions_of(gan.condition, [classes[0]] * rows + [classes[1]] * rows, 2 * rows)
    ends = gan.draw(2 * rows, names, condition)
    codes = interpolate(ends[:rows], ends[rows:], steps).flatten(0, 1)
    first, last = condition[:rows].repeat_interleave(steps, 0), condition[rows:].repeat_interleave(steps, 0)
    if torch.equal(first, last) or not takes_condition(gan.generator):
        return gan.to_output(gan.generate(codes, first))
    if not getattr(gan.generator, "mixes_classes", False):
        raise ConfigError(
            f"generator {gan.specs['generator'].component} takes one class, and no shares of two",
            "Walk within a class.",
        )
    assert gan.condition is not None
    t = torch.linspace(0, 1, steps).repeat(rows)[:, None]
    kinds = [functional.one_hot(end, gan.condition.width) for end in (first, last)]
    return gan.to_output(gan.generate(codes, (1 - t) * kinds[0] + t * kinds[1]))
