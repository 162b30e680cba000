"""KID and FID, distances between two sets of features. Pure functions, with all sums in float64.

KID (Bińkowski et al. 2018, "Demystifying MMD GANs") is the squared maximum mean discrepancy with the kernel
k(x, y) = (x.y / d + 1)^3. Its estimate is unbiased: for equal distributions it is 0 on average at any sample size, so
single values may be negative. FID (Heusel et al. 2017) is the Fréchet distance between Gaussians with the mean and
covariance of each set. Its bias is positive and about proportional to 1 / n, so compare it at equal counts only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import ConfigError, DataError

__all__ = ["fid", "fid_infinity", "kid", "kid_interval"]

_BLOCK = 2048
_NORMAL_95 = 1.959963984540054


def kid(a: Tensor, b: Tensor, *, subsets: int | None = None, size: int = 1000, seed: int = 0) -> float:
    """The unbiased squared MMD of features `(m, d)` and `(n, d)`.

    By default it uses all pairs, which has the least variance. With `subsets` it is the mean over that many random
    pairs of subsets of `size` rows, as in papers; the expectation is the same.
    Raises DataError for fewer than two rows, different widths, or values that are not finite.
    """
    a, b = _validate(a, b)
    if subsets is None:
        return _value(_sums(a, b))
    size = min(size, len(a), len(b))
    if subsets < 1 or size < 2:
        raise ConfigError(f"KID cannot use {subsets} subsets of {size} rows", "Give 1 subset of 2 rows or more.")
    rng = torch.Generator().manual_seed(seed)
    values = [_value(_sums(_subset(a, size, rng), _subset(b, size, rng))) for _ in range(subsets)]
    return math.fsum(values) / subsets


def kid_interval(a: Tensor, b: Tensor) -> tuple[float, tuple[float, float] | None]:
    """`kid(a, b)` and its 95 % bootstrap interval for the sampling of both sets' rows; None for fewer than 10 rows.

    It is the approximate bootstrap confidence interval (ABC, DiCiccio and Efron 1992), which needs no resampling: KID
    at two weightings of the rows, tilted along their influence on it. Unlike the symmetric jackknife interval it
    follows the skew of the distribution. It is accurate if the sets differ, and too wide if they hardly do, where the
    influences vanish. Resampling with replacement would count pairs of a row with itself, which raises KID. Training
    with another seed varies more than this interval.
    """
    a, b = _validate(a, b)
    sums = _sums(a, b)
    m, n = len(a), len(b)
    if min(m, n) < 10:
        return _value(sums), None
    u = 2 * (sums.within_a / (m - 1) - sums.across_a / n)
    v = 2 * (sums.within_b / (n - 1) - sums.across_b / m)
    u, v = u - u.mean(), v - v.mean()
    error = math.sqrt(((u @ u) / m**2 + (v @ v) / n**2).item())
    if error == 0.0:
        return _value(sums), (_value(sums), _value(sums))
    acceleration = ((u**3).sum() / m**3 + (v**3).sum() / n**3).item() / (6 * error**3)
    reweighted = _ReweightedKid(sums, u, v, a, b)

    def limit(quantile: float) -> float:
        w = acceleration + quantile
        step = w / (1 - acceleration * w) ** 2 / error
        return reweighted.value(step / m, step / n)

    return _value(sums), (limit(-_NORMAL_95), limit(_NORMAL_95))


def fid(a: Tensor, b: Tensor) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)), with A and B the covariances of `(m, d)` and `(n, d)`.

    tr (A B)^(1/2) is the sum of the singular values of R S', where A = R'R and B = S'S by QR of the centred rows. So no
    matrix square root is needed, rank-deficient covariances (fewer rows than d) are no special case, and rounding
    errors do not get under a root. Raises DataError for fewer than two rows, different widths, or values that are not
    finite.
    """
    a, b = _validate(a, b)
    mean_a, root_a = _mean_and_root(a)
    mean_b, root_b = _mean_and_root(b)
    trace = torch.linalg.svdvals(root_a @ root_b.T).sum()
    distance = (mean_a - mean_b).square().sum() + root_a.square().sum() + root_b.square().sum() - 2 * trace
    return max(float(distance), 0.0)


def fid_infinity(a: Tensor, b: Tensor, *, points: int = 15, seed: int = 0) -> float:
    """FID extrapolated to infinitely many samples `a`: a line through FID over 1 / count at `points` counts, at 0.

    Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score", with random subsets. The counts are from a
    third of the samples to all. Only the bias of `a` is removed; that of the reference `b` is the same in all
    comparisons with it. May be slightly negative. Raises DataError for fewer than 30 samples.
    """
    a, b = _validate(a, b)
    if len(a) < 30 or points < 2:
        raise DataError(f"{len(a)} samples and {points} points give no line", "Give 30 samples or more, better 2,000.")
    rng = torch.Generator().manual_seed(seed)
    counts = torch.linspace(len(a) / 3, len(a), points).round().long()
    values = torch.tensor([fid(_subset(a, int(count), rng), b) for count in counts], dtype=torch.float64)
    inverse = 1 / counts.double()
    slope = (inverse - inverse.mean()) @ (values - values.mean()) / (inverse - inverse.mean()).square().sum()
    return float(values.mean() - slope * inverse.mean())


class _Sums(NamedTuple):
    """Each row's sum of kernel values with the other rows of its own set, and with all rows of the other set."""

    within_a: Tensor
    within_b: Tensor
    across_a: Tensor
    across_b: Tensor


def _sums(a: Tensor, b: Tensor) -> _Sums:
    across_a, across_b = _kernel_sums(a, b)
    return _Sums(_kernel_sums(a, a)[0] - _kernel(a, a), _kernel_sums(b, b)[0] - _kernel(b, b), across_a, across_b)


class _ReweightedKid:
    """KID with the rows of `a` weighted by 1 + s u and those of `b` by 1 + t v, a ratio of polynomials in s and t."""

    def __init__(self, sums: _Sums, u: Tensor, v: Tensor, a: Tensor, b: Tensor) -> None:
        own_a, own_b = _kernel(a, a), _kernel(b, b)
        across_u = _weighted_sums(b, a, u)
        self.within_a = [sums.within_a.sum(), 2 * u @ sums.within_a, u @ _weighted_sums(a, a, u) - u * own_a @ u]
        self.within_b = [sums.within_b.sum(), 2 * v @ sums.within_b, v @ _weighted_sums(b, b, v) - v * own_b @ v]
        self.across = [sums.across_a.sum(), u @ sums.across_a, v @ sums.across_b, v @ across_u]
        self.squares = (u @ u, v @ v)
        self.counts = (len(a), len(b))

    def value(self, s: float, t: float) -> float:
        """KID at (s, t). u and v sum to 0, so the weights of `m` rows sum to m."""
        m, n = self.counts
        pairs_a, pairs_b = (k * k - k - x * x * q for k, x, q in zip((m, n), (s, t), self.squares, strict=True))
        within_a = (self.within_a[0] + s * self.within_a[1] + s * s * self.within_a[2]) / pairs_a
        within_b = (self.within_b[0] + t * self.within_b[1] + t * t * self.within_b[2]) / pairs_b
        across = self.across[0] + s * self.across[1] + t * self.across[2] + s * t * self.across[3]
        return (within_a + within_b - 2 * across / (m * n)).item()


def _value(sums: _Sums) -> float:
    m, n = len(sums.within_a), len(sums.within_b)
    value = (
        sums.within_a.sum() / (m * (m - 1)) + sums.within_b.sum() / (n * (n - 1)) - 2 * sums.across_a.sum() / (m * n)
    )
    return value.item()


def _kernel_sums(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column sums of the kernel matrix `(m, n)`, in blocks, so that it need not fit into memory."""
    rows, columns = a.new_zeros(len(a)), a.new_zeros(len(b))
    for i in range(0, len(a), _BLOCK):
        for j in range(0, len(b), _BLOCK):
            block = (a[i : i + _BLOCK] @ b[j : j + _BLOCK].T / a.shape[1] + 1) ** 3
            rows[i : i + _BLOCK] += block.sum(1)
            columns[j : j + _BLOCK] += block.sum(0)
    return rows, columns


def _weighted_sums(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """For each row of `a`, the weighted sum of its kernel values with the rows of `b`, `(m,)`."""
    out = a.new_zeros(len(a))
    for i in range(0, len(a), _BLOCK):
        for j in range(0, len(b), _BLOCK):
            block = (a[i : i + _BLOCK] @ b[j : j + _BLOCK].T / a.shape[1] + 1) ** 3
            out[i : i + _BLOCK] += block @ weights[j : j + _BLOCK]
    return out


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """The kernel of each row of `a` with the same row of `b`, `(m,)`."""
    out: Tensor = ((a * b).sum(1) / a.shape[1] + 1) ** 3
    return out


def _mean_and_root(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The mean `(d,)` and R `(min(n, d), d)`, where R'R is the covariance (divided by n - 1)."""
    mean = rows.mean(0)
    root: Tensor = torch.linalg.qr((rows - mean) / math.sqrt(len(rows) - 1), mode="r").R
    return mean, root


def _subset(rows: Tensor, size: int, rng: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=rng)[:size]]


def _validate(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        raise DataError(f"features of shapes {list(a.shape)} and {list(b.shape)} cannot be compared")
    if min(len(a), len(b)) < 2:
        raise DataError(
            f"{len(a)} and {len(b)} samples are too few for a distance",
            "Give at least 2 of each, better 1,000.",
        )
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise DataError("features hold values that are not finite", "Look at the samples: has training diverged?")
    return a, b
