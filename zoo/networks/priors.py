"""What codes are drawn from. Fitted values are buffers: they are saved, moved and digested like weights.

A fitted prior starts as N(0, I) and is filled by a transfer's edits (`zoo.transfers.fits` computes the values).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.networks.configs import GaussianPriorConfig, MixturePriorConfig, NormalPriorConfig

__all__ = ["GaussianPrior", "MixturePrior", "NormalPrior"]


class NormalPrior(nn.Module):
    """z ~ N(0, I)."""

    def __init__(self, config: NormalPriorConfig, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, latent_dim), drawn on the CPU."""
        return torch.randn(n, self.latent_dim, generator=rng)


class GaussianPrior(nn.Module):
    """z = mean + scale e, e ~ N(0, I), with `scale` (latent_dim, latent_dim) a square root of the covariance."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: GaussianPriorConfig, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.eye(latent_dim))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, latent_dim), drawn on the CPU."""
        noise = torch.randn(n, self.latent_dim, generator=rng)
        return self.mean.cpu() + noise @ self.scale.cpu().T


class MixturePrior(nn.Module):
    """A mixture of k Gaussians: `weights` (k,), `means` (k, d), `scales` (k, d, d) lower triangular."""

    weights: Tensor
    means: Tensor
    scales: Tensor

    def __init__(self, config: MixturePriorConfig, latent_dim: int) -> None:
        super().__init__()
        k = config.components
        self.latent_dim = latent_dim
        self.register_buffer("weights", torch.full((k,), 1.0 / k))
        self.register_buffer("means", torch.zeros(k, latent_dim))
        self.register_buffer("scales", torch.eye(latent_dim).repeat(k, 1, 1))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n codes (n, latent_dim), drawn on the CPU."""
        which = torch.multinomial(self.weights.cpu(), n, replacement=True, generator=rng)
        noise = torch.randn(n, self.latent_dim, generator=rng)
        # (n, d, d) @ (n, d, 1) would copy a matrix a sample: go through the components instead
        codes = self.means.cpu()[which]
        for component in which.unique().tolist():
            rows = which == component
            codes[rows] += noise[rows] @ self.scales[component].cpu().T
        return codes
