"""Priors: distributions of codes. Fitted values are buffers, so that they are saved, moved and hashed like weights.

A fitted prior starts as N(0, I); a transfer's edits fill it (`zoo.transfers.density` computes the values). `noise` and
`from_noise` take sampling apart, for graphs that are run elsewhere: see `zoo.networks.types.Prior`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo._utils.seeds import per_sample
from zoo.networks.configs import (
    GaussianPriorConfig,
    LowRankPriorConfig,
    MixturePriorConfig,
    NormalPriorConfig,
    TruncatedPriorConfig,
    UniformPriorConfig,
)
from zoo.networks.noise import choose, normal_noise, uniform_choosing, uniform_noise
from zoo.networks.types import Noise

__all__ = ["GaussianPrior", "LowRankPrior", "MixturePrior", "NormalPrior", "TruncatedPrior", "UniformPrior"]


class NormalPrior(nn.Module):
    """z ~ N(0, I)."""

    def __init__(self, config: NormalPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        return self.from_noise(self.noise(n, rng))

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """One normal number for each value of a code."""
        return normal_noise(n, math.prod(self.code_shape), rng)

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise."""
        return noise.normal.reshape(-1, *self.code_shape)


class UniformPrior(nn.Module):
    """z uniform in a cube around 0."""

    def __init__(self, config: UniformPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.half_width = config.half_width

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), drawn on the CPU."""
        return self.from_noise(self.noise(n, rng))

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """One uniform number for each value of a code."""
        size = math.prod(self.code_shape)
        return uniform_noise(per_sample(lambda m: torch.rand(m, size, generator=rng), n, rng))

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise."""
        return ((2 * noise.uniform - 1) * self.half_width).reshape(-1, *self.code_shape)


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
        uniform = per_sample(lambda m: torch.rand(m, *self.code_shape, generator=rng, dtype=torch.float64), n, rng)
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
        noise = per_sample(lambda m: torch.randn(m, len(self.mean), generator=rng), n, rng)
        return (self.mean.cpu() + noise @ self.scale.cpu().T).view(n, *self.code_shape)

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """e, one normal number for each value of a code."""
        return normal_noise(n, len(self.mean), rng)

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise."""
        return (self.mean + noise.normal @ self.scale.T).reshape(-1, *self.code_shape)


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
        weights = self.weights.cpu()
        components = per_sample(lambda m: torch.multinomial(weights, m, replacement=True, generator=rng), n, rng)
        noise = per_sample(lambda m: torch.randn(m, self.means.shape[1], generator=rng), n, rng)
        # a loop over components: (n, d, d) @ (n, d, 1) would copy a matrix per sample
        codes = self.means.cpu()[components]
        for component in components.unique().tolist():
            rows = components == component
            codes[rows] += noise[rows] @ self.scales[component].cpu().T
        return codes.view(n, *self.code_shape)

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """A uniform number that chooses the Gaussian, and a normal one for each value of a code."""
        weights = self.weights.cpu()
        components = per_sample(lambda m: torch.multinomial(weights, m, replacement=True, generator=rng), n, rng)
        normal = per_sample(lambda m: torch.randn(m, self.means.shape[1], generator=rng), n, rng)
        return Noise(normal, uniform_choosing(self.weights.cpu(), components))

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise; takes d^2 values of memory a code."""
        components = choose(self.weights, noise.uniform)
        spread = (self.scales[components] @ noise.normal.unsqueeze(2)).squeeze(2)
        return (self.means[components] + spread).reshape(-1, *self.code_shape)


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
        weights = self.weights.cpu()
        components = per_sample(lambda m: torch.multinomial(weights, m, replacement=True, generator=rng), n, rng)
        codes = self.means.cpu()[components]
        own = per_sample(lambda m: torch.randn(m, self.means.shape[1], generator=rng), n, rng)
        codes += self.diagonals.cpu().sqrt()[components] * own
        noise = per_sample(lambda m: torch.randn(m, self.factors.shape[2], generator=rng), n, rng)
        for component in components.unique().tolist():
            rows = components == component
            codes[rows] += noise[rows] @ self.factors[component].cpu().T
        return codes.view(n, *self.code_shape)

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """A uniform number that chooses the Gaussian; normal ones for each value of a code, then for each factor."""
        weights = self.weights.cpu()
        components = per_sample(lambda m: torch.multinomial(weights, m, replacement=True, generator=rng), n, rng)
        parts = [normal_noise(n, size, rng).normal for size in self.factors.shape[1:]]
        return Noise(torch.cat(parts, 1), uniform_choosing(self.weights.cpu(), components))

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise; takes d r values of memory a code."""
        components = choose(self.weights, noise.uniform)
        single, common = noise.normal.split(list(self.factors.shape[1:]), dim=1)
        spread = (self.factors[components] @ common.unsqueeze(2)).squeeze(2)
        codes = self.means[components] + self.diagonals.sqrt()[components] * single + spread
        return codes.reshape(-1, *self.code_shape)
