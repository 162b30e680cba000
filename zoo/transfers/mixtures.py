"""Expectation-maximisation for mixtures of any kind of Gaussian, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from zoo.errors import TransferError

__all__ = ["Assigned", "Component", "check_codes", "initial_centres", "maximise_likelihood", "nearest"]

_NEAREST_COMPONENTS = 16
"""Only the nearest components are evaluated for a code: with hundreds of them, the others' density is negligible."""


class Component(Protocol):
    """One component of a mixture."""

    def log_prob(self, codes: Tensor) -> Tensor:
        """Codes (n, d) -> the log of their density (n,)."""


class Assigned(NamedTuple):
    """What a component is fitted to: its mean (d,), its codes minus that mean (n, d), the share of each (n,), 0 to 1,
    and the sum of the shares."""

    mean: Tensor
    centred: Tensor
    share: Tensor
    total: Tensor


C = TypeVar("C", bound=Component)


def maximise_likelihood(
    codes: Tensor,
    k: int,
    rng: torch.Generator,
    fit: Callable[[Assigned, C | None], C],
    *,
    steps: int,
    tolerance: float,
) -> tuple[Tensor, list[C], tuple[float, ...]]:
    """codes (N, d) -> weights (k,), k components and the mean log-likelihood of each step, initialised by k-means++.

    `fit` makes a component from its codes and from the component of the step before, if there is one. Stops after
    `steps`, or once the mean log-likelihood changes by less than `tolerance`. Raises TransferError for fewer than 2 k
    codes.
    """
    check_codes(codes, 2 * k)
    codes = codes.double()
    responsibility = torch.nn.functional.one_hot(nearest(codes, initial_centres(codes, k, rng)), k).double()
    components: list[C] = []
    history: list[float] = []
    for _ in range(steps):
        counts = responsibility.sum(0).clamp(min=1e-8)
        means = responsibility.T @ codes / counts[:, None]
        before: Sequence[C | None] = components or [None] * k
        components = []
        for j, share in enumerate(responsibility.T):
            rows = share.nonzero().squeeze(1)
            components.append(fit(Assigned(means[j], codes[rows] - means[j], share[rows], counts[j]), before[j]))
        weights = counts / len(codes)
        log_density = _log_density(codes, weights, means, components)
        total = torch.logsumexp(log_density, 1)
        responsibility = (log_density - total[:, None]).exp()
        history.append(total.mean().item())
        if len(history) > 1 and abs(history[-1] - history[-2]) < tolerance:
            break
    return weights, components, tuple(history)


def check_codes(codes: Tensor, least: int) -> None:
    """Raises TransferError for fewer than `least` codes and for codes that are not finite."""
    if len(codes) < least:
        raise TransferError(f"{len(codes)} codes are too few to fit a prior that needs {least}", "Give more images.")
    if not torch.isfinite(codes).all():
        raise TransferError("the autoencoder's codes are not finite numbers", "Check it: zoo verify NAME")


def _log_density(codes: Tensor, weights: Tensor, means: Tensor, components: Sequence[Component]) -> Tensor:
    """(N, k): the log of weight times density of each code at the components with the nearest means; -inf at others."""
    nearest = torch.cdist(codes, means).topk(min(_NEAREST_COMPONENTS, len(means)), largest=False).indices
    evaluated = torch.zeros(len(codes), len(means), dtype=torch.bool).scatter_(1, nearest, True)
    log_density = torch.full(evaluated.shape, -torch.inf, dtype=torch.float64)
    for j, component in enumerate(components):
        rows = evaluated[:, j].nonzero().squeeze(1)
        log_density[rows, j] = component.log_prob(codes[rows]) + weights[j].log()
    return log_density


def initial_centres(codes: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """k-means++ (Arthur and Vassilvitskii 2007): each centre is drawn in proportion to the squared distance."""
    centres = codes[torch.randint(len(codes), (1,), generator=rng)]
    distance = torch.full((len(codes),), torch.inf, dtype=codes.dtype)
    for _ in range(k - 1):
        distance = torch.minimum(distance, torch.cdist(codes, centres[-1:]).squeeze(1).square())
        row = torch.multinomial(distance + 1e-12, 1, generator=rng)
        centres = torch.cat([centres, codes[row]])
    return centres


def nearest(codes: Tensor, centres: Tensor) -> Tensor:
    return torch.cdist(codes, centres).argmin(1)
