"""Fit a Gaussian or a mixture of Gaussians to codes, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.errors import TransferError
from zoo.transfers.plan import ApplyContext

__all__ = ["GaussianFit", "MixtureFit", "fit_gaussian", "fit_mixture", "memoize"]

Fit = TypeVar("Fit")

_NEAREST_COMPONENTS = 16
"""Only the nearest components are evaluated for a code: with hundreds of them, the others' density is negligible."""


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


def memoize(fit: Callable[[ApplyContext], Fit]) -> Callable[[ApplyContext], Fit]:
    """The same fit, computed at the first call only, so that several edits can share it."""
    results: list[Fit] = []

    def memoized(context: ApplyContext) -> Fit:
        if not results:
            results.append(fit(context))
        return results[0]

    return memoized


def fit_gaussian(codes: Tensor, ridge: float = 1e-4) -> GaussianFit:
    """codes (N, d) -> their Gaussian; `ridge` is added to the covariance's diagonal. Raises TransferError for N < 2."""
    _check(codes, 2)
    codes = codes.double()
    covariance = torch.cov(codes.T).reshape(codes.shape[1], codes.shape[1])
    return GaussianFit(codes.mean(0), torch.linalg.cholesky(covariance + ridge * torch.eye(codes.shape[1]).double()))


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
    _check(codes, 2 * k)
    codes = codes.double()
    responsibility = torch.nn.functional.one_hot(_nearest(codes, _initial_centres(codes, k, rng)), k).double()
    history: list[float] = []
    for _ in range(steps):
        weights, means, scales = _maximise(codes, responsibility, shrinkage, ridge)
        log_density = _log_density(codes, weights, means, scales)
        total = torch.logsumexp(log_density, 1)
        responsibility = (log_density - total[:, None]).exp()
        history.append(total.mean().item())
        if len(history) > 1 and abs(history[-1] - history[-2]) < tolerance:
            break
    return MixtureFit(weights, means, scales, tuple(history))


def _maximise(codes: Tensor, responsibility: Tensor, shrinkage: float, ridge: float) -> tuple[Tensor, Tensor, Tensor]:
    n, d = codes.shape
    counts = responsibility.sum(0).clamp(min=1e-8)
    means = responsibility.T @ codes / counts[:, None]
    covariances = []
    for j, share in enumerate(responsibility.T):
        rows = share.nonzero().squeeze(1)
        centred = codes[rows] - means[j]
        covariance = (share[rows, None] * centred).T @ centred / counts[j]
        diagonal = torch.diag(covariance.diagonal())
        covariances.append((1 - shrinkage) * covariance + shrinkage * diagonal + ridge * torch.eye(d).double())
    return counts / n, means, torch.linalg.cholesky(torch.stack(covariances))


def _log_density(codes: Tensor, weights: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """(N, k): the log of weight times density of each code at the components with the nearest means; -inf at others."""
    nearest = torch.cdist(codes, means).topk(min(_NEAREST_COMPONENTS, len(means)), largest=False).indices
    evaluated = torch.zeros(len(codes), len(means), dtype=torch.bool).scatter_(1, nearest, True)
    log_density = torch.full(evaluated.shape, -torch.inf, dtype=torch.float64)
    for j in range(len(means)):
        rows = evaluated[:, j].nonzero().squeeze(1)
        component = torch.distributions.MultivariateNormal(means[j], scale_tril=scales[j], validate_args=False)
        log_density[rows, j] = component.log_prob(codes[rows]) + weights[j].log()
    return log_density


def _initial_centres(codes: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """k-means++ (Arthur and Vassilvitskii 2007): each centre is drawn in proportion to the squared distance."""
    centres = codes[torch.randint(len(codes), (1,), generator=rng)]
    distance = torch.full((len(codes),), torch.inf, dtype=codes.dtype)
    for _ in range(k - 1):
        distance = torch.minimum(distance, torch.cdist(codes, centres[-1:]).squeeze(1).square())
        row = torch.multinomial(distance + 1e-12, 1, generator=rng)
        centres = torch.cat([centres, codes[row]])
    return centres


def _nearest(codes: Tensor, centres: Tensor) -> Tensor:
    return torch.cdist(codes, centres).argmin(1)


def _check(codes: Tensor, least: int) -> None:
    if len(codes) < least:
        raise TransferError(f"{len(codes)} codes are too few to fit a prior that needs {least}", "Give more images.")
    if not torch.isfinite(codes).all():
        raise TransferError("the autoencoder's codes are not finite numbers", "Check it: zoo verify NAME")
