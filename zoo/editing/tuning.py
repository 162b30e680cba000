"""Pivotal tuning: the generator is trained to give just these images for their codes, and to stay as it is beside."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from zoo._utils.seeds import stream
from zoo.editing.space import CodeSpace
from zoo.editing.target import Target, squared_error
from zoo.errors import Diverged

__all__ = ["tune_generator"]

_RATE = 1e-3
_LOCAL_WEIGHT = 0.1
_LOCAL_CODES = 4
_BATCH = 32
_REACH = 0.5
"""How far from a pivot the generator is held, in lengths of the way to a code of the prior."""


def tune_generator(
    space: CodeSpace, target: Target, *, steps: int, seed: int, weight: float, tell: Callable[[], None]
) -> CodeSpace:
    """The code space with a copy of the generator that was trained for `steps` steps on the images of `target`, whose
    codes (the pivots) are fixed (Roich et al. 2021, "Pivotal tuning for latent-based editing of real images").

    The loss is that of the search, plus 0.1 times the squared error between the images that the tuned and the untuned
    generator make of codes on the way from a pivot to a random one (the paper's locality regularisation, section 3.3).
    All images share one generator. Raises Diverged if the loss is not finite.
    """
    tuned = copy.deepcopy(space.generator).requires_grad_(True)
    moving = space.with_generator(tuned)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(weights, _RATE)
    rng = stream(seed, "tuning")
    for step in range(steps):
        rows = torch.randperm(len(target.codes), generator=rng)[:_BATCH]
        part = target.rows(rows)
        fit = part.objective(moving, weight)(part.codes.to(space.device), part.every(space)).loss.mean()
        near = Target(_neighbours(space, part.codes, rng), part.images, part.condition)
        loss = fit + _LOCAL_WEIGHT * _change(space, moving, near)
        if not torch.isfinite(loss):
            raise Diverged(f"the loss of tuning is not finite after {step} steps", "Leave --tune out.")
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        tell()
    tuned.requires_grad_(False)
    return moving


def _neighbours(space: CodeSpace, pivots: Tensor, rng: torch.Generator) -> Tensor:
    """Codes on the way from each pivot to a random code: of the prior, or normal ones of the pivots' size."""
    others = space.random_codes(len(pivots), rng, pivots)
    return pivots + _REACH * (others - pivots)


def _change(old: CodeSpace, new: CodeSpace, at: Target) -> Tensor:
    """The mean squared difference of the images of both generators."""
    codes = at.codes.to(old.device)
    condition = None if at.condition is None else at.condition.to(old.device)
    with torch.no_grad():
        before = old.to_images(old.samples(codes, condition))
    return squared_error(old, new.to_images(new.samples(codes, condition)), before).mean()
