"""A generator that takes a class or attributes: they set the gain and shift after each of its normalisations."""

from __future__ import annotations

import functools
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from zoo.plugin import (
    GAN,
    Autoencoder,
    CompositionError,
    DataSpec,
    Generator,
    Slot,
    TransferPlan,
    TransferStrategy,
    condition_arguments,
)
from zoo_transfer.class_embedding import embedded, embedding_of, require_condition, wrapped_with_class
from zoo_transfer.configs.classes import ClassNormalisationConfig, NormalisedGeneratorConfig
from zoo_transfer.gan_parts import inner_generator

__all__ = ["ClassNormalisation", "NormalisedGenerator"]

_GAIN = 10.0
"""How much faster than weights the vectors learn with Adam, as in `class-embedding`."""


class NormalisedGenerator(Generator):
    """After each normalisation of G, h := (1 + g(y)) h + b(y), g and b vectors of each class y, or linear maps of
    attributes (conditional instance norm: Dumoulin et al. 2017, "A learned representation for artistic style"; in GANs:
    Miyato and Koyama 2018). g and b start at 0, so that training starts from G itself. Raises CompositionError for a G
    without batch, group or instance norm."""

    conditional = True
    mixes_classes = True

    def __init__(self, config: NormalisedGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        condition = require_condition(data, "class-normalisation")
        self.generator = inner_generator(config.generator, data, code_shape)
        channels = [_channels(norm) for norm in _norms(self.generator)]
        if not channels:
            raise CompositionError(
                f"generator {config.generator.component} has no normalisation that a class could set",
                "Use class-embedding, or give it one: dcgan and mlp have norm=batch.",
            )
        self.embeddings = nn.ModuleList(embedding_of(condition, 2 * count) for count in channels)

    @property
    def first(self) -> nn.Linear | None:  # type: ignore[override]
        """That of the generator inside."""
        return self.generator.first

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (N, *code_shape), classes (N,) or attributes (N, k) -> x (N, *data.shape)."""
        with ExitStack() as hooks:
            for norm, embedding in zip(_norms(self.generator), self.embeddings, strict=True):
                vectors = _GAIN * embedded(embedding, condition)
                hooks.callback(norm.register_forward_hook(functools.partial(_modulate, vectors)).remove)
            return self.generator(z, *condition_arguments(self.generator, condition))


class ClassNormalisation(TransferStrategy):
    """G's normalisations get a trained gain and shift of each class (conditional batch norm; Miyato and Koyama 2018,
    "cGANs with projection discriminator"). It wraps any generator with batch, group or instance norm, also one that
    already has the decoder's weights."""

    slots = frozenset({Slot.WRAP})
    requires = frozenset()

    def __init__(self, config: ClassNormalisationConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator that wraps the GAN's own; no edits."""
        settings = NormalisedGeneratorConfig(gan.specs["generator"])
        return wrapped_with_class(gan, "generator", "class-normalisation", settings, "generator")

    def noop_config(self) -> None:
        """None: the vectors learn from the first step."""


def _norms(generator: nn.Module) -> list[nn.Module]:
    return [part for part in generator.modules() if isinstance(part, _BatchNorm | _InstanceNorm | nn.GroupNorm)]


def _channels(norm: nn.Module) -> int:
    return int(norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features)  # type: ignore[arg-type]


def _modulate(vectors: Tensor, norm: nn.Module, inputs: tuple[Tensor], h: Tensor) -> Tensor:
    """h (N, C, ...) -> (1 + g) h + b; `vectors` (N, 2 C) are g and b."""
    gain, shift = vectors.view(*vectors.shape, *(1,) * (h.dim() - 2)).chunk(2, 1)
    return torch.addcmul(h + shift, h, gain)
