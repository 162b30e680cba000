"""A normalising flow as prior: affine couplings between N(0, I) and the codes."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from zoo.networks.configs import FlowPriorConfig
from zoo.networks.noise import normal_noise
from zoo.networks.types import Noise

__all__ = ["FlowPrior"]


class _Coupling(nn.Module):
    """Half of the values stay; a net computes scale and shift of the other half from them. At first the identity."""

    mask: Tensor

    def __init__(self, d: int, width: int, odd: bool) -> None:
        super().__init__()
        self.register_buffer("mask", ((torch.arange(d) % 2) == int(odd)).float())
        self.net = nn.Sequential(
            nn.Linear(d, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 2 * d),
        )
        last = cast(nn.Linear, self.net[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def _affine(self, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Log scale and shift (N, d); 0 for the values that stay."""
        log_scale, shift = self.net(masked).chunk(2, dim=1)
        other = 1 - self.mask
        return torch.tanh(log_scale) * other, shift * other

    def forward(self, noise: Tensor) -> Tensor:
        """One step from noise to codes, (N, d)."""
        log_scale, shift = self._affine(noise * self.mask)
        return noise * log_scale.exp() + shift

    def inverse(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """One step from codes to noise, (N, d), and its log |det J| (N,)."""
        log_scale, shift = self._affine(code * self.mask)
        return (code - shift) * (-log_scale).exp(), -log_scale.sum(1)


class FlowPrior(nn.Module):
    """z = mean + scale f(e), e ~ N(0, I), f a stack of affine couplings of flattened codes (RealNVP,
    Dinh et al. 2017).

    A transfer fits it, and it is frozen in training. Before that it is N(0, I).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: FlowPriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        d = math.prod(code_shape)
        self.couplings = nn.ModuleList(_Coupling(d, config.width, i % 2 == 1) for i in range(config.layers))
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.ones(d))

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, *code_shape), the noise drawn on the CPU."""
        normal, uniform = self.noise(n, rng)
        return self.from_noise(Noise(normal.to(self.mean.device), uniform)).cpu()

    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        """e, one normal number for each value of a code."""
        return normal_noise(n, len(self.mean), rng)

    def from_noise(self, noise: Noise) -> Tensor:
        """The codes of this noise, differentiable."""
        code = noise.normal
        for coupling in self.couplings:
            code = coupling(code)
        return (self.mean + self.scale * code).reshape(-1, *self.code_shape)

    def log_density(self, code: Tensor) -> Tensor:
        """Codes (N, *code_shape) -> log p (N,), differentiable."""
        noise = (code.flatten(1) - self.mean) / self.scale
        total = -self.scale.log().sum().expand(len(code))
        for coupling in reversed(self.couplings):
            noise, log_det = cast(_Coupling, coupling).inverse(noise)
            total = total + log_det
        return total - 0.5 * noise.square().sum(1) - 0.5 * len(self.mean) * math.log(2 * math.pi)
