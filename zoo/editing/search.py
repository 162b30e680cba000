"""Searching the code of an image from a start, by Gauss-Newton steps or by Adam. The best code of each is kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.editing.gauss_newton import Found, gauss_newton
from zoo.editing.space import CodeSpace
from zoo.editing.target import Objective
from zoo.errors import ConfigError, Diverged

__all__ = ["METHODS", "STARTS", "adam", "default_steps", "search_codes", "start_codes"]

STARTS = ("encoder", "mean")
METHODS = ("adam", "gauss-newton")
_STEPS = {"adam": 100, "gauss-newton": 10}
_MOST_VALUES = 1024
"""The longest code that Gauss-Newton steps are for: each needs as many images as the code has values."""
_RATE = 0.1
"""Adam's step, in standard deviations of the codes. It falls to 0 along half a cosine."""
_BETAS = (0.7, 0.9)
"""Less momentum than usual: it would overshoot in the first ten steps."""


def start_codes(space: CodeSpace, images: Tensor, start: str) -> Tensor:
    """Where the search of the codes of images (N, *output.shape) starts: `encoder`, the code that the encoder gives, or
    `mean`, the prior's mean. Raises ConfigError if there is no encoder or no prior, and for another start."""
    if start == "encoder":
        return space.encode(images)
    if start != "mean":
        raise ConfigError(f"start {start!r} is unknown", f"Use {' or '.join(STARTS)}.")
    return space.mean_code().expand(len(images), *space.code_shape).contiguous()


def default_steps(space: CodeSpace, method: str) -> int:
    """How many steps a method takes unless it is said. Raises ConfigError for an unknown one, and for codes that are
    too long for it."""
    if method not in METHODS:
        raise ConfigError(f"method {method!r} is unknown", f"Use {' or '.join(METHODS)}.")
    values = math.prod(space.code_shape)
    if method == "gauss-newton" and values > _MOST_VALUES:
        raise ConfigError(f"codes of {values:,} values are too long for Gauss-Newton steps", "Use the method adam.")
    return _STEPS[method]


def search_codes(
    space: CodeSpace, start: Tensor, objective: Objective, steps: int, tell: Callable[[], None], method: str
) -> Found:
    """Minimise the loss of each image by itself, in `steps` steps from its start (N, *code_shape), by `gauss-newton` or
    `adam`. `tell` is called after each step. Raises Diverged if a loss is not finite."""
    search = gauss_newton if method == "gauss-newton" else adam
    return search(space, start, objective, steps, tell)


def adam(space: CodeSpace, start: Tensor, objective: Objective, steps: int, tell: Callable[[], None]) -> Found:
    """Adam (Kingma and Ba 2015), which works value by value; the losses are added up, so images of a batch do not
    influence each other but for rounding. Raises Diverged if a loss is not finite."""
    codes = start.to(space.device, copy=True).requires_grad_(True)
    optimiser = torch.optim.Adam([codes], betas=_BETAS)
    rows = torch.arange(len(start), device=space.device)
    best, found_at = codes.detach().clone(), torch.zeros(len(start), dtype=torch.int64, device=space.device)
    least = torch.full((len(start),), math.inf, device=space.device)
    errors, rate = [], _RATE * space.scale(start)
    for step in range(steps + 1):
        terms = objective(codes, rows)
        loss = terms.loss.detach()
        if not torch.isfinite(loss).all():
            raise Diverged(f"the loss is not finite after {step} steps", "Are all pixels of the image finite?")
        better = loss < least
        best[better], least[better], found_at[better] = codes.detach()[better], loss[better], step
        errors.append(terms.error.detach().cpu())
        if step < steps:
            optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            (codes.grad,) = torch.autograd.grad(terms.loss.sum(), [codes])
            optimiser.step()
            tell()
    return Found(best.cpu(), found_at.cpu(), torch.stack(errors))
