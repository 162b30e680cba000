"""The contracts of networks, and the types that they return.

An encoder maps a sample to features, a generator a code to a sample. A component is an `nn.Module` with the members
listed here. It may inherit from these classes, for type checkers; it need not, as `zoo.networks.checks` compares
members and shapes. In training mode a network may draw random numbers, from torch's default generators alone: training
seeds them. In eval mode it draws none.

Any component may have two more members, which are reserved names: `always_frozen`, a tuple of the names of submodules
that are never trained; and `fetch()`, which loads pretrained weights and returns their `WeightsOrigin`, or None if its
settings ask for none. Only the component itself is asked for them, never its submodules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Generator as Rng, Tensor, nn

from zoo.types import DataSpec, PartSpec

__all__ = [
    "AutoencoderParts",
    "Bottleneck",
    "Discriminator",
    "DiscriminatorOutput",
    "Encoder",
    "Features",
    "Generator",
    "Noise",
    "Posterior",
    "Prior",
]


class Features(NamedTuple):
    """The output of an encoder: the embedding `(N, *embedding_shape)` and the feature stages, fine to coarse.

    Stage i is `(N, stage_channels[i], ...)`: channels always come second, never last.
    """

    embedding: Tensor
    stages: tuple[Tensor, ...]


class Posterior(NamedTuple):
    """The distribution of a code: mean `(N, *code_shape)` and log-variance of the same shape, or None."""

    mean: Tensor
    logvar: Tensor | None


class DiscriminatorOutput(NamedTuple):
    """Logits `(N, k)`, unbounded, higher is more real; and feature stages, fine to coarse (possibly none)."""

    logits: Tensor
    stages: tuple[Tensor, ...]


class Noise(NamedTuple):
    """The random numbers that a prior makes n codes of: `normal` (n, a), independent and standard normal, and `uniform`
    (n, b), independent and within 0 to 1. float32; a or b may be 0."""

    normal: Tensor
    uniform: Tensor


@dataclass(frozen=True)
class AutoencoderParts:
    """A pretrained autoencoder as a component of the kind `autoencoder` reads it from files: the components and
    settings of the roles encoder, bottleneck and decoder, the weights of each by name, and what its samples and codes
    are.

    The component is called as `autoencoder(config, folder, shape)`: `folder` holds JSON files and safetensors, `shape`
    is that of the images, or None for its own choice. Nothing else may be read, and no code be run.
    """

    specs: Mapping[str, PartSpec]
    weights: Mapping[str, Mapping[str, Tensor]]
    data: DataSpec
    code_shape: tuple[int, ...]


class Encoder(nn.Module):
    """x `(N, *data.shape)` -> features. Built by `encoder(config, data)`; `forward` returns the embedding alone."""

    data: DataSpec
    stage_channels: tuple[int, ...]
    embedding_shape: tuple[int, ...]

    def features(self, x: Tensor) -> Features:
        """Embedding and stages in one pass."""
        raise NotImplementedError


class Generator(nn.Module):
    """z `(N, *code_shape)` -> x `(N, *data.shape)` in the value range. Built by `generator(config, data, code_shape)`.

    `first` is the first layer, into which a linear map of the flattened z can be folded; None if there is no such
    layer. A `conditional` one is called as `generator(z, condition)`, with a condition that `data.condition` describes;
    one that `mixes_classes` also takes shares of them, float32 (N, classes).
    The config of one that reads codes of one shape alone declares it in a method, `code_shape(data: DataSpec) ->
    tuple[int, ...]`: composing uses that shape, and refuses another one.
    """

    data: DataSpec
    code_shape: tuple[int, ...]
    first: nn.Linear | None
    conditional: bool = False
    mixes_classes: bool = False


class Bottleneck(nn.Module):
    """Embedding `(N, *embedding_shape)` -> `Posterior`. Built by `bottleneck(config, embedding_shape, code_shape)`."""

    code_shape: tuple[int, ...]


class Discriminator(nn.Module):
    """x `(N, *data.shape)` -> logits. Built by `discriminator(config, data)`; one built from an encoder has `.encoder`
    and `.head`.

    `logit_groups` is the number of logits of each group: objectives average within a group and sum over groups. A
    `conditional` one is called as `discriminate(x, condition)`.
    """

    data: DataSpec
    logit_groups: tuple[int, ...]
    conditional: bool = False

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Logits and feature stages in one pass."""
        raise NotImplementedError


class Prior(nn.Module):
    """A distribution of codes; fitted values are buffers. Built by `prior(config, code_shape)`. A `conditional` one is
    called as `sample(n, rng, condition)`.

    A prior whose codes are a function of random numbers may say so, with `noise` and `from_noise`: then it can be
    exported as a graph that takes these numbers.
    """

    code_shape: tuple[int, ...]
    conditional: bool = False

    def sample(self, n: int, rng: Rng | None = None, condition: Tensor | None = None) -> Tensor:
        """n codes `(n, *code_shape)`. Draw with `zoo.plugin.per_sample`, so that each can have a stream of its own."""
        raise NotImplementedError

    def noise(self, n: int, rng: Rng | None = None, condition: Tensor | None = None) -> Noise | None:
        """The numbers for the n codes that `sample` draws from the same stream; None if codes are no function of
        numbers that can be drawn beforehand."""
        return None

    def from_noise(self, noise: Noise, condition: Tensor | None = None) -> Tensor:
        """The codes `(n, *code_shape)` that `sample` makes of this noise, up to rounding. `torch.export` can trace it,
        so no value of a tensor decides what is computed."""
        raise NotImplementedError
