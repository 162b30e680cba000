"""Two kinds of network, what is composed of them, and what they return.

An encoder turns a sample into features, a generator turns a code into a sample; everything else is made of
the two. `zoo.networks.checks` holds a component to its contract for real (signatures, then shapes).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Generator as Rng
from torch import Tensor, nn

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
    """What an encoder sees in a batch: the embedding `(N, embedding_dim)` and its stages, fine to coarse.

    Stage i is `(N, stage_channels[i], ...)`: channels always come second, never last.
    """

    embedding: Tensor
    stages: tuple[Tensor, ...]


class Posterior(NamedTuple):
    """A code's distribution: mean `(N, latent_dim)` and log-variance of the same shape, or None if a point."""

    mean: Tensor
    logvar: Tensor | None


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of a batch: realness `(N, k)`, unbounded logits, higher is more real."""

    logits: Tensor
    stages: tuple[Tensor, ...]


@runtime_checkable
class Encoder(Protocol):
    """x `(N, *data.shape)` -> features. Built by `encoder(config, data)`."""

    data: DataSpec
    stage_channels: tuple[int, ...]
    embedding_dim: int

    def features(self, x: Tensor) -> Features: ...
    def forward(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Generator(Protocol):
    """z `(N, latent_dim)` -> x `(N, *data.shape)` in the value range. Built by `generator(config, data, latent_dim)`.

    `first` is the entry layer that a linear map of z can be folded into; None where there is none.
    """

    data: DataSpec
    latent_dim: int
    first: nn.Linear | None

    def forward(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Bottleneck(Protocol):
    """Embedding -> code. Built by `bottleneck(config, embedding_dim, latent_dim)`."""

    latent_dim: int

    def forward(self, embedding: Tensor) -> Posterior: ...


@runtime_checkable
class Discriminator(Protocol):
    """x -> realness. Built by `discriminator(config, data)`; one built from an encoder has `.encoder` and `.head`.

    `logit_groups` says how many of the k logits belong to each judge: objectives average inside a group and
    sum over groups.
    """

    data: DataSpec
    logit_groups: tuple[int, ...]

    def discriminate(self, x: Tensor) -> DiscriminatorOutput: ...


@runtime_checkable
class Prior(Protocol):
    """What codes are drawn from; whatever it has learnt sits in buffers. Built by `prior(config, latent_dim)`."""

    latent_dim: int

    def sample(self, n: int, rng: Rng | None = None) -> Tensor: ...
