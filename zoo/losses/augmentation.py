"""Differentiable augmentation of the discriminator's inputs: DiffAugment (Zhao et al. 2020, "Differentiable
augmentation for data-efficient GAN training") and ADA's transformations (`zoo.losses.ada`). Real and generated images
get the same random augmentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from zoo._utils.seeds import per_sample
from zoo.errors import ConfigError, near
from zoo.losses import ada
from zoo.losses.types import FeedbackSchedule
from zoo.types import DataKind, DataSpec

__all__ = ["KINDS", "AdaptiveProbability", "Augmentation", "Draw", "augment", "draw", "parse"]

_SIMPLE = ("colour", "translation", "cutout")
KINDS = (*_SIMPLE, *ada.KINDS)
ALL_OF_ADA = "ada"
"""Stands for all kinds of ADA."""

_SHIFT = 0.125
_HOLE = 0.5
"""The largest translation and the side of the cutout, as fractions of the image's side."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers for N images: uniform (N, 3) for the colours, whole pixels (N, 2) for translation and cutout.
    `applied` (N, 3) says which of these an image gets; None means all. `transforms` are those of ADA."""

    colours: Tensor | None
    shifts: Tensor | None
    holes: Tensor | None
    applied: Tensor | None = None
    transforms: ada.Transforms | None = None


def parse(names: str, data: DataKind = "image") -> tuple[str, ...]:
    """The kinds named in `"colour+cutout"`; none for `"none"`, all of ADA's for `"ada"`. Raises ConfigError for an
    unknown name, and for one that changes what this kind of data does not have."""
    if names == "none":
        return ()
    if data == "vector":
        raise ConfigError("augmentation is for images (C, H, W)", "Use augment=none.")
    given = [name.strip() for name in names.split("+")]
    kinds = tuple(dict.fromkeys(kind for name in given for kind in (ada.KINDS if name == ALL_OF_ADA else (name,))))
    for name in kinds:
        if name not in KINDS:
            raise ConfigError(f"augmentation {name!r} is unknown", near(name, (*KINDS, ALL_OF_ADA, "none")))
        if name == "colour" and data == "code":
            raise ConfigError(
                "augment=colour changes brightness, saturation and contrast, and the channels of a code are no colours",
                "Use augment=translation, cutout or both; --flip encodes mirrored images too.",
            )
        if name in ada.KINDS and data == "code":
            raise ConfigError(
                f"augment={name} mirrors, turns, scales or colours images, and a code that is turned is not the code "
                "of a turned image",
                "Use augment=translation, cutout or both; augment_probability=adaptive works with these too.",
            )
    return kinds


def draw(
    kinds: tuple[str, ...], n: int, data: DataSpec, rng: torch.Generator | None, probability: float | None = None
) -> Draw:
    """Random numbers for n images. Each image gets each kind with `probability`; None means always, and consumes no
    random number. Raises ConfigError for samples that are not images."""
    if not data.is_spatial:
        raise ConfigError("augmentation is for images (C, H, W)", "Use augment=none.")
    height, width = data.shape[1:]

    def side(most: int) -> Tensor:
        return per_sample(lambda m: torch.randint(-most, most + 1, (m,), generator=rng), n, rng)

    def pixels(high: int, wide: int) -> Tensor:
        return torch.stack([side(high), side(wide)], 1)

    return Draw(
        per_sample(lambda m: torch.rand(m, 3, generator=rng), n, rng) if "colour" in kinds else None,
        pixels(round(height * _SHIFT), round(width * _SHIFT)) if "translation" in kinds else None,
        pixels(height // 2, width // 2) if "cutout" in kinds else None,
        per_sample(lambda m: torch.rand(m, len(_SIMPLE), generator=rng), n, rng) < probability
        if probability is not None
        else None,
        ada.draw_transforms(kinds, n, data, rng, 1.0 if probability is None else probability),
    )


def augment(x: Tensor, sampled: Draw, data: DataSpec) -> Tensor:
    """Images (N, C, H, W) -> the same shape; empty pixels get the middle of the value range. ADA's transformations come
    first."""
    middle, half = (data.low + data.high) / 2, (data.high - data.low) / 2
    u = (x - middle) / half
    if sampled.transforms is not None:
        u = ada.transform(u, sampled.transforms)
    if sampled.colours is not None:
        u = _select(sampled, 0, _jitter(u, sampled.colours.to(u)), u)
    if sampled.shifts is not None:
        u = _select(sampled, 1, _translate(u, sampled.shifts.to(u.device)), u)
    if sampled.holes is not None:
        u = _select(sampled, 2, _cut_out(u, sampled.holes.to(u.device)), u)
    return u * half + middle


def _select(sampled: Draw, kind: int, changed: Tensor, u: Tensor) -> Tensor:
    """`changed` for the images that get this kind, `u` for the others."""
    if sampled.applied is None:
        return changed
    return torch.where(sampled.applied[:, kind, None, None, None].to(u.device), changed, u)


def _jitter(u: Tensor, uniform: Tensor) -> Tensor:
    """Brightness + (r - 1/2), saturation x 2 r, contrast x (r + 1/2), each with its own r in 0 to 1."""
    brightness, saturation, contrast = (uniform[:, i, None, None, None] for i in range(3))
    u = u + brightness - 0.5
    grey = u.mean(1, keepdim=True)
    u = (u - grey) * (2 * saturation) + grey
    level = u.mean((1, 2, 3), keepdim=True)
    return (u - level) * (contrast + 0.5) + level


def _translate(u: Tensor, shifts: Tensor) -> Tensor:
    """Move image i down by shifts[i, 0] and right by shifts[i, 1] pixels."""
    n, _, height, width = u.shape
    rows = torch.arange(height, device=u.device)[None] - shifts[:, :1]  # (N, H): where each row comes from
    columns = torch.arange(width, device=u.device)[None] - shifts[:, 1:]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    batch = torch.arange(n, device=u.device)[:, None, None]
    moved = u.permute(0, 2, 3, 1)[batch, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]
    return moved.permute(0, 3, 1, 2) * inside[:, None]


def _cut_out(u: Tensor, holes: Tensor) -> Tensor:
    """Cut a rectangle of half the side, its centre at holes[i] pixels from the image's centre."""
    height, width = u.shape[2:]
    top = height // 2 + holes[:, :1] - round(height * _HOLE) // 2
    left = width // 2 + holes[:, 1:] - round(width * _HOLE) // 2
    rows = torch.arange(height, device=u.device)[None]
    columns = torch.arange(width, device=u.device)[None]
    in_rows = (rows >= top) & (rows < top + round(height * _HOLE))
    in_columns = (columns >= left) & (columns < left + round(width * _HOLE))
    return u * ~(in_rows[:, :, None] & in_columns[:, None, :])[:, None]


class AdaptiveProbability(FeedbackSchedule):
    """The probability p in [0, 1], raised while r_t = E sign(D(x)) on augmented real images is above `target`, else
    lowered (ADA: Karras et al. 2020, "Training generative adversarial networks with limited data").

    Every four steps p changes by the number of images in those steps over `images`, so it takes at least `images` from
    0 to 1. The paper's target is 0.6; its code uses 500,000 images, and 100,000 for transfer. p is a buffer.
    """

    figure = "d_sign"
    every = 4
    p: Tensor

    def __init__(self, target: float, images: int) -> None:
        super().__init__()
        self.target = target
        self.images = images
        self.register_buffer("p", torch.zeros((), dtype=torch.float64, device="cpu"))  # read at every step

    def update(self, value: float, shown: int, images: int) -> None:
        """`value` is r_t over the last `images`, -1 to 1."""
        step = images / self.images
        self.p.add_(step if value > self.target else -step if value < self.target else 0.0).clamp_(0.0, 1.0)


class Augmentation:
    """Augments D's inputs by the kinds in `names` (`"colour+cutout"`, `"ada"` or `"none"`), each with the given
    `probability`, or with one that adapts to `target` over `images`. Raises ConfigError like `parse`, and for colours
    of other channels than grey or RGB."""

    def __init__(
        self, names: str, data: DataSpec, probability: float | Literal["adaptive"], *, target: float, images: int
    ) -> None:
        self.kinds = parse(names, data.kind)
        if "ada-colour" in self.kinds and data.shape[0] not in (1, 3):
            raise ConfigError(
                f"augment=ada-colour is for grey and RGB images; asked: {data}", "Use augment=ada-blit+ada-geometry."
            )
        self.data = data
        self.probability = probability
        self.adaptive = AdaptiveProbability(target, images) if probability == "adaptive" else None

    def sample(self, n: int, rng: torch.Generator) -> Callable[[Tensor], Tensor] | None:
        """A random augmentation of n images, for real and generated ones alike; None if there are no kinds."""
        if not self.kinds:
            return None
        if self.adaptive is not None:
            probability: float | None = float(self.adaptive.p)
        else:
            probability = None if self.probability == 1.0 else float(self.probability)
        sampled = draw(self.kinds, n, self.data, rng, probability)
        return lambda x: augment(x, sampled, self.data)
