"""Fit a Gaussian, or a mixture of Gaussians with full or low-rank covariances, to codes, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.transfers.mixtures import Assigned, check_codes, maximise_likelihood
from zoo.transfers.plan import ApplyContext

__all__ = [
    "GaussianFit",
    "LowRankFit",
    "MixtureFit",
    "evenly_spread",
    "fit_gaussian",
    "fit_low_rank",
    "fit_mixture",
    "memoize",
]

Fit = TypeVar("Fit")

_POWER_STEPS = 2
_EXTRA_DIRECTIONS = 8
"""Of the randomised decomposition (Halko, Martinsson, Tropp 2011). It starts from the directions of the step before, so
that few power steps are enough."""


class GaussianFit(NamedTuple):
    """mean (d,) and scale (d, d), lower triangular with scale scale^T = covariance."""

    mean: Tensor
    scale: Tensor


class MixtureFit(NamedTuple):
    """weights (k,), means (k, d), scales (k, d, d) lower triangular, and the mean log-likelihood of each step."""

    weights: Tensor
    means: Tensor
    scales: Tensor
    history: tuple[float, ...]


class LowRankFit(NamedTuple):
    """weights (k,), means (k, d), factors F (k, d, r) and diagonals D (k, d) of the covariances F F^T + diag(D), and
    the mean log-likelihood of each step."""

    weights: Tensor
    means: Tensor
    factors: Tensor
    diagonals: Tensor
    history: tuple[float, ...]


def memoize(fit: Callable[[ApplyContext], Fit]) -> Callable[[ApplyContext], Fit]:
    """The same fit, computed at the first call only, so that several edits can share it."""
    results: list[Fit] = []

    def memoized(context: ApplyContext) -> Fit:
        if not results:
            results.append(fit(context))
        return results[0]

    return memoized


def evenly_spread(codes: Tensor, most: int) -> Tensor:
    """At most `most` of the codes (N, ...), evenly spread; all of them if there are no more."""
    if len(codes) <= most:
        return codes
    return codes[torch.linspace(0, len(codes) - 1, most).round().long()]


def fit_gaussian(codes: Tensor, ridge: float = 1e-4) -> GaussianFit:
    """codes (N, d) -> their Gaussian; `ridge` is added to the covariance's diagonal. Raises TransferError for N < 2."""
    check_codes(codes, 2)
    codes = codes.double()
    covariance = torch.cov(codes.T).reshape(codes.shape[1], codes.shape[1])
    covariance.diagonal().add_(ridge)
    return GaussianFit(codes.mean(0), torch.linalg.cholesky(covariance))


def fit_mixture(
    codes: Tensor,
    k: int,
    rng: torch.Generator,
    *,
    shrinkage: float = 0.1,
    ridge: float = 1e-4,
    steps: int = 100,
    tolerance: float = 1e-3,
) -> MixtureFit:
    """codes (N, d) -> k Gaussians by expectation-maximisation, initialised by k-means++.

    Each covariance S is shrunk towards its diagonal: (1 - shrinkage) S + shrinkage diag(S) + ridge I.
    Stops after `steps`, or once the mean log-likelihood changes by less than `tolerance`. Raises TransferError for
    fewer than 2 k codes.
    """

    def fit(assigned: Assigned, before: _Full | None) -> _Full:
        covariance = (assigned.share[:, None] * assigned.centred).T @ assigned.centred / assigned.total
        diagonal = covariance.diagonal().clone()
        covariance.mul_(1 - shrinkage).diagonal().add_(shrinkage * diagonal).add_(ridge)
        return _Full(assigned.mean, torch.linalg.cholesky(covariance))

    weights, components, history = maximise_likelihood(codes, k, rng, fit, steps=steps, tolerance=tolerance)
    means, scales = (torch.stack(values) for values in zip(*components, strict=True))
    return MixtureFit(weights, means, scales, history)


def fit_low_rank(
    codes: Tensor,
    k: int,
    rank: int,
    rng: torch.Generator,
    *,
    shrinkage: float = 0.1,
    ridge: float = 1e-4,
    steps: int = 100,
    tolerance: float = 1e-5,
) -> LowRankFit:
    """codes (N, d) -> k Gaussians with covariances F F^T + diag(D), F (d, r), r = min(rank, d): a mixture of factor
    analysers (Ghahramani and Hinton 1996), each fitted as in Zhao and Yu 2008, "Fast ML estimation for the mixture of
    factor analyzers via an ECM algorithm".

    A step takes about N d r operations, and codes may have more values than there are codes. `ridge` is the least value
    of D. Each covariance is then shrunk towards its diagonal by `shrinkage`, 0 to 1. Initialised by k-means++. Stops
    after `steps`, or once the mean log-likelihood changes by less than `tolerance` a value. Raises TransferError for
    fewer than 2 k codes.
    """

    def fit(assigned: Assigned, before: _LowRank | None) -> _LowRank:
        d = len(assigned.mean)
        # the covariance is rows^T rows
        rows = assigned.centred * (assigned.share / assigned.total).sqrt()[:, None]
        if before is None:
            noise = torch.full((d,), ridge, dtype=torch.float64)
            start = torch.randn(d, min(rank + _EXTRA_DIRECTIONS, d), generator=rng, dtype=torch.float64)
        else:
            noise, start = before.unshrunk, before.directions
        values, vectors = _principal_directions(rows / noise.sqrt(), start)
        r = min(rank, d)
        factors = noise.sqrt()[:, None] * vectors[:, -r:] * (values[-r:] - 1).clamp(min=0).sqrt()
        common = factors.square().sum(1)
        unshrunk = (rows.square().sum(0) - common).clamp(min=ridge)
        shrunk = (1 - shrinkage) ** 0.5 * factors
        return _LowRank(assigned.mean, shrunk, unshrunk + shrinkage * common, unshrunk, vectors)

    tolerance *= codes.shape[1]
    weights, components, history = maximise_likelihood(codes, k, rng, fit, steps=steps, tolerance=tolerance)
    means, factors, diagonals, *_ = (torch.stack(values) for values in zip(*components, strict=True))
    return LowRankFit(weights, means, factors, diagonals, history)


def _principal_directions(rows: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of rows^T rows, ascending, and their vectors (d, m), by power steps from `start`
    (d, m)."""
    basis = start
    for _ in range(_POWER_STEPS):
        basis = torch.linalg.qr(rows.T @ (rows @ basis)).Q
    seen = rows @ basis
    values, turns = torch.linalg.eigh(seen.T @ seen)
    return values, basis @ turns


class _Full(NamedTuple):
    """A Gaussian of mean (d,) with the covariance scale scale^T."""

    mean: Tensor
    scale: Tensor

    def log_prob(self, codes: Tensor) -> Tensor:
        gaussian = torch.distributions.MultivariateNormal(self.mean, scale_tril=self.scale, validate_args=False)
        return gaussian.log_prob(codes)


class _LowRank(NamedTuple):
    """A Gaussian of mean (d,) with the covariance factors factors^T + diag(diagonal); `unshrunk` is the diagonal before
    shrinkage, `directions` (d, m) span the factors."""

    mean: Tensor
    factors: Tensor
    diagonal: Tensor
    unshrunk: Tensor
    directions: Tensor

    def log_prob(self, codes: Tensor) -> Tensor:
        # by Woodbury's identity; torch's LowRankMultivariateNormal would take a matrix product per code
        noise = self.diagonal.sqrt()
        white, factors = (codes - self.mean) / noise, self.factors / noise[:, None]
        inner = torch.eye(factors.shape[1], dtype=factors.dtype) + factors.T @ factors
        root = torch.linalg.cholesky(inner)
        explained = torch.linalg.solve_triangular(root, factors.T @ white.T, upper=False)
        distance = white.square().sum(1) - explained.square().sum(0)
        log_det = self.diagonal.log().sum() + 2 * root.diagonal().log().sum()
        return -0.5 * (distance + log_det + len(self.mean) * math.log(2 * math.pi))
