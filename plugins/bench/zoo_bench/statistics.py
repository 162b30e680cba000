"""The statistics of a comparison by few paired seeds. Pure functions of numbers.

Interquartile mean and stratified bootstrap: Agarwal et al. 2021, "Deep RL at the Edge of the Statistical Precipice".
Restricted mean of censored times: Kaplan and Meier 1958; Royston and Parmar 2013. Holm 1979 for several tests.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "Crossing",
    "bootstrap_interval",
    "crossing",
    "holm",
    "iqm",
    "log_mean",
    "median",
    "paired_p",
    "restricted_mean",
]

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Crossing:
    """The cost at which a curve reached a threshold, or its last cost if it never did."""

    cost: float
    reached: bool


def crossing(points: Points, threshold: float, consecutive: int = 3) -> Crossing:
    """The cost of the first of `consecutive` measurements in a row at or below `threshold`; `points` are (cost, value).

    Right-censored at the last cost if there are no such measurements.
    """
    ordered = sorted(points)
    run = 0
    for i, (_, value) in enumerate(ordered):
        run = run + 1 if value <= threshold else 0
        if run == consecutive:
            return Crossing(ordered[i - consecutive + 1][0], True)
    return Crossing(ordered[-1][0], False)


def restricted_mean(crossings: Sequence[Crossing], horizon: float) -> float:
    """The mean cost to the threshold up to `horizon`, the area under the Kaplan-Meier curve: runs that never got there
    count as still under way, not as lost."""
    area, survival, at = 0.0, 1.0, 0.0
    for cost in sorted({c.cost for c in crossings if c.reached and c.cost <= horizon}):
        area += survival * (cost - at)
        at = cost
        risk = sum(c.cost >= cost for c in crossings)
        survival *= 1 - sum(c.reached and c.cost == cost for c in crossings) / risk
    return area + survival * (horizon - at)


def log_mean(points: Points, least: float) -> float:
    """exp of the mean of log value over log cost (trapezoids): the area under the logarithmic learning curve, as a
    value. Points at cost 0 are left out, values below `least` count as it (an unbiased KID can be negative)."""
    ordered = sorted((cost, max(value, least)) for cost, value in points if cost > 0)
    x, y = np.log([cost for cost, _ in ordered]), np.log([value for _, value in ordered])
    if len(x) == 1:
        return float(np.exp(y[0]))
    return float(np.exp(np.trapezoid(y, x) / (x[-1] - x[0])))


def iqm(values: Sequence[float]) -> float:
    """The mean of the middle half: a quarter of the values, rounded down, is dropped at each end."""
    ordered = np.sort(np.asarray(values, float))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def bootstrap_interval(strata: Sequence[Sequence[float]], draws: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """A 95 % percentile interval of the interquartile mean over all strata, resampled within each."""
    rng = np.random.default_rng(seed)
    parts = [np.asarray(s, float)[rng.integers(0, len(s), (draws, len(s)))] for s in strata]
    ordered = np.sort(np.concatenate(parts, 1), 1)
    cut = ordered.shape[1] // 4
    means = ordered[:, cut : ordered.shape[1] - cut].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def paired_p(differences: Sequence[float], draws: int = 20_000, seed: int = 0) -> float:
    """Two-sided p of the sign-flip permutation test that paired `differences` are symmetric about 0.

    Exact up to 14 pairs, then from random flips. Five pairs cannot give less than 1/16.
    """
    values = np.asarray(differences, float)
    observed = abs(values.mean()) - 1e-12
    if len(values) <= 14:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(values))))
        return float((abs((signs * values).mean(1)) >= observed).mean())
    rng = np.random.default_rng(seed)
    flips = rng.choice((1.0, -1.0), (draws, len(values)))
    return float((1 + (abs((flips * values).mean(1)) >= observed).sum()) / (draws + 1))


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """p values adjusted for being several: the k-th smallest of n is multiplied by n - k, and they never fall."""
    adjusted: dict[str, float] = {}
    least = 0.0
    for k, (name, p) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, (len(values) - k) * p))
        adjusted[name] = least
    return {name: adjusted[name] for name in values}


def median(values: Sequence[float]) -> float:
    """The median; not a number for none."""
    return float(np.median(values)) if len(values) else math.nan
