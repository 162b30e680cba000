"""Bottlenecks, from an embedding to a code: the identity, a linear map, or a diagonal Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.errors import CompositionError
from zoo.networks.configs import NoConfig
from zoo.networks.types import Posterior

__all__ = ["GaussianBottleneck", "IdentityBottleneck", "LinearBottleneck"]


class IdentityBottleneck(nn.Module):
    """The embedding is the code. Raises CompositionError unless both have the same shape."""

    def __init__(self, config: NoConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        if embedding_shape != code_shape:
            raise CompositionError(
                f"bottleneck core/identity cannot join an embedding of shape {list(embedding_shape)} to a code of "
                f"shape {list(code_shape)}",
                f"Give code_shape={embedding_shape}, or use the bottleneck core/linear.",
            )
        self.code_shape = code_shape

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, *code_shape) -> the same as a code without variance."""
        return Posterior(embedding, None)


class LinearBottleneck(nn.Module):
    """One affine map from the embedding's values to the code's."""

    def __init__(self, config: NoConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.mean = nn.Linear(math.prod(embedding_shape), math.prod(code_shape))

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, *embedding_shape) -> a code (N, *code_shape) without variance."""
        return Posterior(self.mean(embedding.flatten(1)).view(-1, *self.code_shape), None)


class GaussianBottleneck(nn.Module):
    """Mean and log-variance of a diagonal Gaussian (Kingma and Welling 2014), each an affine map of the embedding."""

    def __init__(self, config: NoConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        values, code_values = math.prod(embedding_shape), math.prod(code_shape)
        self.mean = nn.Linear(values, code_values)
        self.logvar = nn.Linear(values, code_values)

    def forward(self, embedding: Tensor) -> Posterior:
        """(N, *embedding_shape) -> mean and log-variance (N, *code_shape); the latter within [-10, 10]."""
        flat = embedding.flatten(1)
        mean, logvar = self.mean(flat), torch.clamp(self.logvar(flat), -10.0, 10.0)
        return Posterior(mean.view(-1, *self.code_shape), logvar.view(-1, *self.code_shape))
