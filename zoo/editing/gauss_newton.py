"""Gauss-Newton steps on codes: each solves for the code at which the generator, as a linear map, comes nearest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.editing.space import CodeSpace
from zoo.editing.target import Objective, Terms
from zoo.errors import Diverged

__all__ = ["Found", "gauss_newton"]

_REACH = 0.05
"""How far a value of the code is moved to measure what it changes, in standard deviations of the codes."""
_DAMPING, _DAMPINGS = 1e-2, (0.1, 1.0, 10.0)
_LENGTHS = (1.0, 1.7)
_UPDATES = 3
"""How often the code is moved before the linear map is measured anew."""
_CHUNK = 64
_MOST = 2**24
"""The most values of linear maps in memory at once: 64 MiB."""


@dataclass(frozen=True)
class Found:
    """The codes (N, *code_shape) of the least loss; after how many steps each was there (N,); and the squared error
    after each number of steps (steps + 1, N). On the CPU."""

    codes: Tensor
    steps: Tensor
    errors: Tensor


def gauss_newton(space: CodeSpace, start: Tensor, objective: Objective, steps: int, tell: Callable[[], None]) -> Found:
    """Minimise the sum of squared residuals of each image by itself, from its start (N, *code_shape).

    A step measures the Jacobian J of the residuals r by moving each value of the code, which takes as many images as
    the code has values and no gradient. Then d solves (J J^T + damping) d = -J r (Levenberg 1944, Marquardt 1963), for
    three dampings and two lengths of d, and the code goes where the loss is least, if it is less than before. That is
    done three times, with J updated by what came out (Broyden 1965). The damping follows what was best. `tell` is
    called after each step. Raises Diverged if a loss is not finite.
    """
    reach = _REACH * space.scale(start)
    state = _State(space, objective, start)
    codes, errors, steps_of = state.codes.clone(), [state.error.clone()], torch.zeros(len(start), dtype=torch.int64)
    for step in range(1, steps + 1):
        improved = state.step(reach)
        codes[improved], steps_of[improved] = state.codes[improved], step
        errors.append(state.error.clone())
        tell()
    return Found(codes.view(start.shape), steps_of, torch.stack(errors))


class _State:
    """The codes (N, values) and the residuals (N, R) that they have, on the CPU, with the damping of each."""

    @torch.no_grad()
    def __init__(self, space: CodeSpace, objective: Objective, start: Tensor) -> None:
        self.space, self.objective = space, objective
        self.codes = start.detach().cpu().flatten(1).clone()
        self.damping = torch.full((len(start),), _DAMPING, dtype=torch.float64)
        terms = self._terms(self.codes, torch.arange(len(start)))
        self.residuals, self.loss, self.error = terms.residuals, terms.loss, terms.error
        if not torch.isfinite(self.loss).all():
            raise Diverged("the loss is not finite at the start", "Are all pixels of the image finite?")

    @torch.no_grad()
    def step(self, reach: float) -> Tensor:
        """One step of each image; which of them came nearer (N,)."""
        before = self.loss.clone()
        most = max(1, _MOST // (self.codes.shape[1] * self.residuals.shape[1]))
        for rows in torch.arange(len(self.codes)).split(most):
            jacobian = self._jacobian(rows, reach)
            for _ in range(_UPDATES):
                jacobian = self._update(rows, jacobian)
        return self.loss < before

    def _jacobian(self, rows: Tensor, reach: float) -> Tensor:
        """(n, values, R): how the residuals change with each value of the code."""
        size = self.codes.shape[1]
        moved = self.codes[rows, None] + reach * torch.eye(size)
        residuals = self._terms(moved.flatten(0, 1), rows.repeat_interleave(size)).residuals
        return (residuals.view(len(rows), size, -1) - self.residuals[rows, None]) / reach

    def _update(self, rows: Tensor, jacobian: Tensor) -> Tensor:
        """Move the codes of those rows to the best of the candidates; the Jacobian, updated by what came out."""
        curve = (jacobian @ jacobian.mT).double()
        slope = (jacobian @ self.residuals[rows, :, None]).double()
        scale = curve.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-30)
        ridge = scale[:, None, None] * torch.eye(curve.shape[1], dtype=torch.float64)
        codes, residuals, damping = self.codes[rows], self.residuals[rows], self.damping[rows] * 10
        for factor in _DAMPINGS:
            tried = self.damping[rows] * factor
            way = torch.linalg.solve(curve + tried[:, None, None] * ridge, slope)[:, :, 0].float()
            for length in _LENGTHS:
                candidate = self.codes[rows] - length * way
                terms = self._terms(candidate, rows)
                better = terms.loss < self.loss[rows]
                self.loss[rows] = torch.where(better, terms.loss, self.loss[rows])
                self.error[rows] = torch.where(better, terms.error, self.error[rows])
                codes = torch.where(better[:, None], candidate, codes)
                residuals = torch.where(better[:, None], terms.residuals, residuals)
                damping = torch.where(better, tried, damping)
        way, change = codes - self.codes[rows], residuals - self.residuals[rows]
        wrong = change - (way[:, None] @ jacobian)[:, 0]
        squared = way.square().sum(1).clamp(min=1e-30)
        self.codes[rows], self.residuals[rows] = codes, residuals
        self.damping[rows] = damping.clamp(1e-7, 1e4)
        return jacobian + (way / squared[:, None])[:, :, None] * wrong[:, None]

    def _terms(self, codes: Tensor, rows: Tensor) -> Terms:
        """The terms of codes (M, values) for the images of those rows (M,), on the CPU."""
        parts = [
            self.objective(part.view(-1, *self.space.code_shape).to(self.space.device), at.to(self.space.device))
            for part, at in zip(codes.split(_CHUNK), rows.split(_CHUNK), strict=True)
        ]
        return Terms(*(torch.cat(values).cpu() for values in zip(*parts, strict=True)))
