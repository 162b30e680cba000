"""Two kinds of network, what is composed of them, and what they return.

An encoder turns a sample into features, a generator turns a code into a sample; everything else is made of the two. A
component is an `nn.Module` with the members listed here. It may inherit from these classes, which tells a type checker;
it need not: `zoo.networks.checks` compares members and shapes.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Generator as Rng, Tensor, nn

from zoo.types import DataSpec

__all__ = [
    "Bottleneck",
    "Discriminator",
    "DiscriminatorOutput",
    "Encoder",
    "Features",
    "Generator",
    "Posterior",
    "Prior",
]


class Features(NamedTuple):
    """What an encoder finds in a batch: the embedding `(N, embedding_dim)` and its stages, fine to coarse.

    Stage i is `(N, stage_channels[i], ...)`: channels always come second, never last.
    """

    embedding: Tensor
    stages: tuple[Tensor, ...]


class Posterior(NamedTuple):
    """A code's distribution: mean `(N, latent_dim)` and log-variance of the same shape, or None for a point."""

    mean: Tensor
    logvar: Tensor | None


class DiscriminatorOutput(NamedTuple):
    """Logits `(N, k)`, unbounded, higher is more real; and feature stages, fine to coarse (possibly none)."""

    logits: Tensor
    stages: tuple[Tensor, ...]


class Encoder(nn.Module):
    """x `(N, *data.shape)` -> features. Built by `encoder(config, data)`; `forward` returns the embedding alone."""

    data: DataSpec
    stage_channels: tuple[int, ...]
    embedding_dim: int

    def features(self, x: Tensor) -> Features:
        """Everything in one pass."""
        raise NotImplementedError


class Generator(nn.Module):
    """z `(N, latent_dim)` -> x `(N, *data.shape)` in the value range. Built by `generator(config, data, latent_dim)`.

    `first` is the entry layer that a linear map of z can be folded into; None if there is none.
    """

    data: DataSpec
    latent_dim: int
    first: nn.Linear | None


class Bottleneck(nn.Module):
    """Embedding `(N, embedding_dim)` -> `Posterior`. Built by `bottleneck(config, embedding_dim, latent_dim)`."""

    latent_dim: int


class Discriminator(nn.Module):
    """x `(N, *data.shape)` -> logits. Built by `discriminator(config, data)`; one that is built from an encoder has
    `.encoder` and `.head`.

    `logit_groups` gives the number of logits of each group: objectives average within a group and sum over groups.
    """

    data: DataSpec
    logit_groups: tuple[int, ...]

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """Logits and feature stages in one pass."""
        raise NotImplementedError


class Prior(nn.Module):
    """The distribution of codes; whatever is fitted is a buffer. Built by `prior(config, latent_dim)`."""

    latent_dim: int

    def sample(self, n: int, rng: Rng | None = None) -> Tensor:
        """n codes `(n, latent_dim)`."""
        raise NotImplementedError
