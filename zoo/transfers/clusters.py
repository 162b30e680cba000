"""Classes for images that have none: clusters of their codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo._utils.seeds import stream
from zoo.errors import ConfigError
from zoo.transfers.mixtures import check_codes, initial_centres, nearest

__all__ = ["Clusters", "cluster"]

_STARTS = 10
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Clusters:
    """k clusters of codes: `labels` (N,) are their numbers, 0 the one with most of the codes that were fitted to;
    `centres` (k, d), and the `distances` (N,) of the codes from their centres. `left` is the share of the variance that
    is within clusters."""

    labels: Tensor
    centres: Tensor
    distances: Tensor
    left: float

    def nearest(self, number: int) -> Tensor:
        """The rows of a cluster, the nearest to its centre first."""
        rows = (self.labels == number).nonzero().squeeze(1)
        return rows[self.distances[rows].argsort(stable=True)]


def cluster(codes: Tensor, fit: Tensor, k: int, seed: int = 0) -> Clusters:
    """Codes (N, ...) in k clusters by k-means of the rows `fit`, the best of ten starts by k-means++ (Arthur and
    Vassilvitskii 2007); every code belongs to the nearest centre.

    The same codes and seed give the same clusters. Raises ConfigError for fewer than 2 clusters or too few codes,
    TransferError for codes that are not finite.
    """
    x = codes.flatten(1).double()
    fitted = x[fit]
    if not 2 <= k <= len(fitted) // 2:
        raise ConfigError(
            f"{len(fitted):,} images cannot be put into {k} classes",
            f"Ask for 2 to {len(fitted) // 2:,}." if len(fitted) >= 4 else "Give more images.",
        )
    check_codes(x, 2 * k)
    rng = stream(seed, "clusters")
    error, centres = min((_k_means(fitted, k, rng) for _ in range(_STARTS)), key=lambda start: start[0])
    sizes = nearest(fitted, centres).bincount(minlength=k)
    centres = centres[sizes.argsort(descending=True, stable=True)]
    labels = nearest(x, centres)
    variance = (fitted - fitted.mean(0)).square().sum().item()
    return Clusters(labels, centres, (x - centres[labels]).norm(dim=1), error / max(variance, 1e-12))


def _k_means(x: Tensor, k: int, rng: torch.Generator) -> tuple[float, Tensor]:
    """The sum of squared distances and the centres (k, d). A centre without a code moves to the farthest code."""
    centres = initial_centres(x, k, rng)
    labels = nearest(x, centres)
    for _ in range(_STEPS):
        counts = labels.bincount(minlength=k)
        sums = torch.zeros_like(centres).index_add_(0, labels, x)
        centres = sums / counts.clamp(min=1)[:, None]
        distances = (x - centres[labels]).square().sum(1)
        for number in (counts == 0).nonzero().squeeze(1).tolist():
            farthest = distances.argmax()
            centres[number], distances[farthest] = x[farthest], 0.0
        before, labels = labels, nearest(x, centres)
        if torch.equal(before, labels):
            break
    return (x - centres[labels]).square().sum().item(), centres
