"""Bottlenecks, from an embedding to a code: the identity, a linear map, or a diagonal Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.errors import CompositionError
from zoo.networks.configs import NoConfig
from zoo.networks.types import Posterior

__all__ = ["GaussianBottleneck", "IdentityBottleneck", "LinearBottleneck"]


class IdentityBottleneck(nn.Module):
    """The embedding is the code. Raises CompositionError unless both have the same size."""

    def __init__(self, config: NoConfig, embedding_dim: int, latent_dim: int) -> None:
        super().__init__()
        if embedding_dim != latent_dim:
            raise CompositionError(
                f"bottleneck core/identity cannot join an embedding of {embedding_dim} to a code of {latent_dim}",
                f"Give latent_dim={embedding_dim}, or use the bottleneck core/linear.",
            )
        self.latent_dim = latent_dim

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, latent_dim) -> the same as a code without variance."""
        return Posterior(embedding, None)


class LinearBottleneck(nn.Module):
    """One affine map to the code."""

    def __init__(self, config: NoConfig, embedding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.mean = nn.Linear(embedding_dim, latent_dim)

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, embedding_dim) -> a code (N, latent_dim) without variance."""
        return Posterior(self.mean(embedding), None)


class GaussianBottleneck(nn.Module):
    """Mean and log-variance of a diagonal Gaussian (Kingma and Welling 2014)."""

    def __init__(self, config: NoConfig, embedding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.mean = nn.Linear(embedding_dim, latent_dim)
        self.logvar = nn.Linear(embedding_dim, latent_dim)

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, embedding_dim) -> mean and log-variance (N, latent_dim); the latter within [-10, 10]."""
        return Posterior(self.mean(embedding), torch.clamp(self.logvar(embedding), -10.0, 10.0))
