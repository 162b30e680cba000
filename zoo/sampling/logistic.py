"""Logistic regression: real or generated, from a few features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from zoo.errors import DataError

__all__ = ["Logistic", "fit_logistic"]

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_FOLDS = 5
_FLAT = 1e-6


class Logistic:
    """`weights` (d,) and `bias` of the log of the density ratio, real over generated; `right` is the share of pairs
    of a real and a generated row that it puts in order (the area under the curve), for rows that it was not fitted
    to."""

    def __init__(self, weights: Tensor, bias: float, right: float) -> None:
        self.weights, self.bias, self.right = weights, bias, right


def fit_logistic(real: Tensor, fake: Tensor) -> Logistic:
    """Tell real rows (m, d) from generated ones (n, d), both counting alike, so that the logit is the log of the ratio
    of their densities.

    The weights of standardised features have a squared penalty, the one of six with the least loss in five folds.
    Raises DataError for fewer than ten rows on a side.
    """
    if min(len(real), len(fake)) < 2 * _FOLDS:
        raise DataError(f"{min(len(real), len(fake))} images are too few to calibrate a score", "Hold out ten or more.")
    x, wanted = torch.cat([real, fake]).double(), torch.cat([torch.ones(len(real)), torch.zeros(len(fake))]).double()
    mean, spread = x.mean(0), x.std(0)
    spread = torch.where(spread > _FLAT, spread, torch.inf)
    x = (x - mean) / spread
    fold = torch.cat([torch.arange(len(real)), torch.arange(len(fake))]) % _FOLDS
    best, least, right = _PENALTIES[-1], float("inf"), 0.5
    for penalty in _PENALTIES:
        logits = torch.empty_like(wanted)
        for number in range(_FOLDS):
            inside = fold != number
            weights = _fit(x[inside], wanted[inside], penalty)
            logits[~inside] = x[~inside] @ weights[:-1] + weights[-1]
        loss = float(_loss(logits, wanted))
        if loss < least:
            best, least, right = penalty, loss, _ordered(logits[: len(real)], logits[len(real) :])
    weights = _fit(x, wanted, best)
    scaled = weights[:-1] / spread
    return Logistic(scaled, float(weights[-1] - scaled @ mean), right)


def _fit(x: Tensor, wanted: Tensor, penalty: float, steps: int = 50) -> Tensor:
    """The weights (d + 1,), the bias last, by Newton's method with halved steps."""
    with_bias = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    counted = _shares(wanted)
    ridge = torch.full((with_bias.shape[1],), penalty, dtype=x.dtype)
    ridge[-1] = 1e-9
    weights = torch.zeros_like(ridge)

    def loss(at: Tensor) -> Tensor:
        return _loss(with_bias @ at, wanted) + (ridge * at.square()).sum() / 2

    now = loss(weights)
    for _ in range(steps):
        p = torch.sigmoid(with_bias @ weights)
        slope = with_bias.T @ (counted * (p - wanted)) + ridge * weights
        curve = (with_bias * (counted * p * (1 - p))[:, None]).T @ with_bias + torch.diag(ridge + 1e-9)
        step = torch.linalg.solve(curve, slope)
        size = 1.0
        while loss(weights - size * step) > now and size > 1e-6:
            size /= 2
        weights = weights - size * step
        before, now = now, loss(weights)
        if before - now < 1e-10:
            break
    return weights


def _shares(wanted: Tensor) -> Tensor:
    """The weight of each row: half for all real ones, half for all generated ones."""
    return torch.where(wanted == 1, 0.5 / wanted.sum(), 0.5 / (1 - wanted).sum())


def _loss(logits: Tensor, wanted: Tensor) -> Tensor:
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (_shares(wanted) * each).sum()


def _ordered(real: Tensor, fake: Tensor) -> float:
    """The share of pairs with the higher logit on the real one; ties count half."""
    ranks = torch.searchsorted(fake.sort().values, real) + torch.searchsorted(fake.sort().values, real, right=True)
    return float(ranks.double().mean() / 2 / len(fake))
