"""Filling: the hidden part of an image, from a code that is searched from the visible part alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.editing.inversion import counted
from zoo.editing.search import adam, start_codes
from zoo.editing.space import CodeSpace
from zoo.editing.target import Objective, Terms, pixel_residuals, psnr
from zoo.errors import ConfigError

__all__ = ["PRIOR_WEIGHT", "Filled", "fill"]

PRIOR_WEIGHT = 0.002
"""The weight of the code's distance from the prior beside the squared error of images in [0, 1]."""
_ROUNDS = 4
"""How often the hole is filled with what the encoder and the generator make of the image, before the search."""


@dataclass(frozen=True)
class Filled:
    """`images` (N, *output.shape): the visible pixels of the given ones, bit for bit, and the generator's in the holes;
    `generated` (N, *output.shape), the generator's whole images; `codes` (N, *code_shape); `psnr` (N,) of the visible
    pixels in dB. On the CPU."""

    images: Tensor
    generated: Tensor
    codes: Tensor
    psnr: Tensor


def fill(
    model: Any,
    images: Tensor,
    hidden: Tensor,
    *,
    steps: int = 100,
    start: str = "encoder",
    classes: str | Sequence[str] | Tensor | None = None,
    batch: int = 64,
    weight: float = PRIOR_WEIGHT,
    progress: Callable[[int, int], None] | None = None,
) -> Filled:
    """Fill the `hidden` pixels, bools (N, 1, H, W), of images (N, *output.shape): what lies there is never used.

    The search starts from the encoder's code of the image, the hole filled with the mean colour and then, four times,
    with what the generator makes of the code; or from the mean code. It minimises the squared error of the visible
    pixels plus `weight` times the squared distance of the code from the prior, as a Gaussian, a value (semantic
    inpainting; Yeh et al. 2017, with the prior of codes in place of a discriminator). Without a GAN, the distance is
    that from the start.

    Other arguments and errors are those of `invert`. Raises ConfigError for masks of another shape, and for one that
    hides everything.
    """
    space = CodeSpace(model)
    space.require_images(images)
    _check_hidden(images, hidden)
    condition = space.condition(classes, len(images))
    parts = [slice(at, at + batch) for at in range(0, len(images), batch)]
    tell = counted(progress, len(parts) * steps)
    searches = []
    for rows in parts:
        at = None if condition is None else condition[rows]
        first = _start(space, images[rows], hidden[rows], at, start)
        objective = _objective(space, images[rows], hidden[rows], at, first, weight)
        searches.append(adam(space, first, objective, steps, tell))
    codes = torch.cat([part.codes for part in searches])
    generated = space.images(codes, condition)
    errors = torch.cat([part.errors.gather(0, part.steps[None])[0] for part in searches])
    return Filled(torch.where(hidden, generated, images), generated, codes, psnr(errors))


def _check_hidden(images: Tensor, hidden: Tensor) -> None:
    wanted = (len(images), 1, *images.shape[2:])
    if tuple(hidden.shape) != wanted or hidden.dtype != torch.bool:
        raise ConfigError(f"masks are {hidden.dtype} {list(hidden.shape)}, not bools {list(wanted)}")
    if hidden.flatten(1).all(1).any():
        raise ConfigError("a mask hides the whole image", "There is nothing to search a code from.")


def _start(space: CodeSpace, images: Tensor, hidden: Tensor, condition: Tensor | None, start: str) -> Tensor:
    """The code to start from. With the encoder, the hole is filled with the mean colour of what is visible first, then
    with the generator's own pixels: what belongs there is not known yet."""
    seen = (~hidden).float()
    mean = (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
    codes = start_codes(space, torch.where(hidden, mean, images), start)
    for _ in range(_ROUNDS if start == "encoder" else 0):
        codes = space.encode(torch.where(hidden, space.images(codes, condition), images))
    return codes


def _objective(
    space: CodeSpace, images: Tensor, hidden: Tensor, condition: Tensor | None, first: Tensor, weight: float
) -> Objective:
    target, seen = images.to(space.device), (~hidden).float().to(space.device)
    at = None if condition is None else condition.to(space.device)
    values = images.shape[1] * seen.flatten(1).sum(1)
    shares = (seen[0].numel() * images.shape[1] / values).sqrt()[:, None]
    surprise = _surprise(space, first)

    def terms(codes: Tensor, rows: Tensor) -> Terms:
        made = space.to_images(space.samples(codes, None if at is None else at[rows]))
        residuals = shares[rows] * pixel_residuals(space, made * seen[rows], target[rows] * seen[rows])
        error = residuals.square().sum(1)
        both = torch.cat([residuals, weight**0.5 * surprise(codes, rows)], 1)
        return Terms(both.square().sum(1), error, torch.full_like(error, torch.nan), both)

    return terms


def _surprise(space: CodeSpace, first: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Codes and their rows -> their distance (N, values) from the prior, in its standard deviations, over the root of
    the number of values."""
    root = first[0].numel() ** 0.5
    if space.gan is None:
        centres, scale = first.to(space.device).flatten(1), space.scale(first)
        return lambda codes, rows: (codes.flatten(1) - centres[rows]) / scale / root
    drawn = space.drawn().flatten(1)
    mean, spread = drawn.mean(0).to(space.device), drawn.std(0).clamp(min=1e-6).to(space.device)
    return lambda codes, rows: (codes.flatten(1) - mean) / spread / root
