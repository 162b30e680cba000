"""The random numbers of priors, and how a uniform one chooses a component of a mixture."""

from __future__ import annotations

import torch
from torch import Generator as Rng, Tensor, nn

from zoo._utils.seeds import per_sample
from zoo.networks.types import Noise

__all__ = ["choose", "noise_of", "normal_noise", "uniform_choosing", "uniform_noise"]


def noise_of(prior: nn.Module, n: int, rng: Rng | None = None, *condition: Tensor) -> Noise | None:
    """The noise of the n codes that `prior` draws from `rng`; None if the prior does not tell."""
    noise = getattr(prior, "noise", None)
    return None if noise is None else noise(n, rng, *condition)


def normal_noise(n: int, size: int, rng: Rng | None = None) -> Noise:
    """`size` standard normal numbers for each of n codes, drawn on the CPU."""
    return Noise(per_sample(lambda m: torch.randn(m, size, generator=rng), n, rng), torch.empty(n, 0))


def uniform_noise(uniform: Tensor) -> Noise:
    """Numbers (n, size) within 0 to 1 alone."""
    return Noise(uniform.new_empty(uniform.shape[0], 0), uniform)


def choose(weights: Tensor, uniform: Tensor) -> Tensor:
    """Components int64 (n,): component i with probability `weights[..., i]` if `uniform` (n, 1) is uniform in [0, 1).

    By inversion of the distribution function (Devroye 1986, "Non-uniform random variate generation", III.2).
    `weights` are (k,), or (n, k) with a row for each; they need not add up to 1.
    """
    steps = weights.cumsum(-1)
    return (uniform >= steps[..., :-1] / steps[..., -1:]).sum(-1)


def uniform_choosing(weights: Tensor, components: Tensor) -> Tensor:
    """Numbers float32 (n, 1) for which `choose` gives the `components` (n,): the middle of each one's interval."""
    shares = weights.double().expand(len(components), -1)
    shares = shares / shares.sum(1, keepdim=True)
    middles = shares.cumsum(1) - shares / 2
    return middles.gather(1, components[:, None]).float()
