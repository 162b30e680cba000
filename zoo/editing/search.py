"""Searching the code of an image: Adam on the code, from a start, keeping the best code of each image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.editing.space import CodeSpace
from zoo.editing.target import Terms
from zoo.errors import ConfigError, Diverged

__all__ = ["STARTS", "Found", "search_codes", "start_codes"]

STARTS = ("encoder", "mean")
_RATE = 0.1
"""Adam's step, in standard deviations of the codes. It falls to 0 along half a cosine."""
_BETAS = (0.7, 0.9)
"""Less momentum than usual: it would overshoot in the first ten steps."""


@dataclass(frozen=True)
class Found:
    """The codes (N, *code_shape) of the least loss; after how many steps each was there (N,); and the squared error
    after each number of steps (steps + 1, N). On the CPU."""

    codes: Tensor
    steps: Tensor
    errors: Tensor


def start_codes(space: CodeSpace, images: Tensor, start: str) -> Tensor:
    """Where the search of the codes of images (N, *output.shape) starts: `encoder`, the code that the encoder gives, or
    `mean`, the prior's mean. Raises ConfigError if there is no encoder or no prior, and for another start."""
    if start == "encoder":
        return space.encode(images)
    if start != "mean":
        raise ConfigError(f"start {start!r} is unknown", f"Use {' or '.join(STARTS)}.")
    return space.mean_code().expand(len(images), *space.code_shape).contiguous()


def search_codes(
    space: CodeSpace, start: Tensor, objective: Callable[[Tensor], Terms], steps: int, tell: Callable[[], None]
) -> Found:
    """Minimise the loss of each image by itself, in `steps` steps of Adam (Kingma and Ba 2015) from its start.

    Adam works value by value and the losses are added up, so images of a batch do not influence each other but for
    rounding. `tell` is called after each step. Raises Diverged if a loss is not finite.
    """
    codes = start.to(space.device, copy=True).requires_grad_(True)
    adam = torch.optim.Adam([codes], betas=_BETAS)
    best, found_at = codes.detach().clone(), torch.zeros(len(start), dtype=torch.int64, device=space.device)
    least = torch.full((len(start),), math.inf, device=space.device)
    errors, rate = [], _RATE * space.scale(start)
    for step in range(steps + 1):
        terms = objective(codes)
        loss = terms.loss.detach()
        if not torch.isfinite(loss).all():
            raise Diverged(f"the loss is not finite after {step} steps", "Are all pixels of the image finite?")
        better = loss < least
        best[better], least[better], found_at[better] = codes.detach()[better], loss[better], step
        errors.append(terms.error.detach().cpu())
        if step < steps:
            adam.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            (codes.grad,) = torch.autograd.grad(terms.loss.sum(), [codes])
            adam.step()
            tell()
    return Found(best.cpu(), found_at.cpu(), torch.stack(errors))
