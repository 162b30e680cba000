"""Priors: distributions of codes. Fitted values are buffers, so that they are saved, moved and hashed like weights.

A fitted prior starts as N(0, I); a transfer's edits fill it (`zoo.transfers.density` computes the values).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.networks.configs import (
    GaussianPriorConfig,
    LowRankPriorConfig,
    MixturePriorConfig,
    NormalPriorConfig,
    TruncatedPriorConfig,
    UniformPriorConfig,
)

__all__ = ["GaussianPrior", "LowRankPrior", "MixturePrior", "NormalPrior", "TruncatedPrior", "UniformPrior"]


class NormalPrior(nn.Module):
    """z ~ N(0, I)."""

    def __init__(self, config: NormalPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        return torch.randn(n, *self.code_shape, generator=rng)


class UniformPrior(nn.Module):
    """z uniform in a cube around 0."""

    def __init__(self, config: UniformPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.half_width = config.half_width

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        return (2 * torch.rand(n, *self.code_shape, generator=rng) - 1) * self.half_width


class TruncatedPrior(nn.Module):
    """N(0, I) truncated to values within the threshold (Brock et al. 2019, "BigGAN"). They are computed by the inverse
    distribution function instead of redrawn, so that each value takes one random number."""

    def __init__(self, config: TruncatedPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.threshold = config.threshold

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        inside = math.erf(self.threshold / 2**0.5)
        uniform = torch.rand(n, *self.code_shape, generator=rng, dtype=torch.float64)
        codes = 2**0.5 * torch.erfinv((2 * uniform - 1) * inside)
        return codes.float().clamp(-self.threshold, self.threshold)


class GaussianPrior(nn.Module):
    """z = mean + scale e, e ~ N(0, I), with `scale` (d, d) a square root of the covariance of flattened codes."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: GaussianPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        d = math.prod(code_shape)
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.eye(d))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        noise = torch.randn(n, len(self.mean), generator=rng)
        return (self.mean.cpu() + noise @ self.scale.cpu().T).view(n, *self.code_shape)


class MixturePrior(nn.Module):
    """A mixture of k Gaussians of flattened codes: `weights` (k,), `means` (k, d), `scales` (k, d, d) lower
    triangular."""

    weights: Tensor
    means: Tensor
    scales: Tensor

    def __init__(self, config: MixturePriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        k, d = config.components, math.prod(code_shape)
        self.code_shape = code_shape
        self.register_buffer("weights", torch.full((k,), 1.0 / k))
        self.register_buffer("means", torch.zeros(k, d))
        self.register_buffer("scales", torch.zeros(k, d, d).copy_(torch.eye(d)))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        components = torch.multinomial(self.weights.cpu(), n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], generator=rng)
        # a loop over components: (n, d, d) @ (n, d, 1) would copy a matrix per sample
        codes = self.means.cpu()[components]
        for component in components.unique().tolist():
            rows = components == component
            codes[rows] += noise[rows] @ self.scales[component].cpu().T
        return codes.view(n, *self.code_shape)


class LowRankPrior(nn.Module):
    """A mixture of k Gaussians of flattened codes with the covariances F F^T + diag(D) (mixtures of factor analysers:
    Ghahramani and Hinton 1996): `weights` (k,), `means` (k, d), `factors` F (k, d, r), `diagonals` D (k, d) of
    variances; r is the rank, at most d."""

    weights: Tensor
    means: Tensor
    factors: Tensor
    diagonals: Tensor

    def __init__(self, config: LowRankPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        k, d = config.components, math.prod(code_shape)
        self.code_shape = code_shape
        self.register_buffer("weights", torch.full((k,), 1.0 / k))
        self.register_buffer("means", torch.zeros(k, d))
        self.register_buffer("factors", torch.zeros(k, d, min(config.rank, d)))
        self.register_buffer("diagonals", torch.ones(k, d))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        components = torch.multinomial(self.weights.cpu(), n, replacement=True, generator=rng)
        codes = self.means.cpu()[components]
        codes += self.diagonals.cpu().sqrt()[components] * torch.randn(*codes.shape, generator=rng)
        noise = torch.randn(n, self.factors.shape[2], generator=rng)
        for component in components.unique().tolist():
            rows = components == component
            codes[rows] += noise[rows] @ self.factors[component].cpu().T
        return codes.view(n, *self.code_shape)
