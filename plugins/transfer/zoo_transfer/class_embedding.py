"""A generator that takes a class or attributes: they become a shift of the code."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    CompositionError,
    Condition,
    DataSpec,
    Generator,
    Slot,
    TransferPlan,
    TransferStrategy,
    condition_arguments,
)
from zoo_transfer.configs.classes import ClassEmbeddingConfig, EmbeddedGeneratorConfig
from zoo_transfer.gan_parts import inner_generator, with_component

__all__ = ["ClassEmbedding", "EmbeddedGenerator", "embedded", "embedding_of", "require_condition"]
__all__ += ["wrapped_with_class"]


_GAIN = 10.0
"""How much faster than weights the vectors learn with Adam: codes are of length 8, and a step is 0.001."""


class EmbeddedGenerator(Generator):
    """x = G(z + e(y)), e a vector for each class y, or a linear map of attributes (a class joined to z, as in Mirza and
    Osindero 2014, "Conditional generative adversarial nets": the first layer's W [z; y] is a sum of two maps). e starts
    at 0, so that training starts from G itself."""

    conditional = True
    mixes_classes = True

    def __init__(self, config: EmbeddedGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        self.first: nn.Linear | None = None  # a linear map of z would have to be one of z + e
        condition = require_condition(data, "class-embedding")
        self.embedding = embedding_of(condition, math.prod(code_shape))
        self.generator = inner_generator(config.generator, data, code_shape)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (N, *code_shape), classes (N,) or attributes (N, k) -> x (N, *data.shape)."""
        shifted = z + _GAIN * embedded(self.embedding, condition).view_as(z)
        return self.generator(shifted, *condition_arguments(self.generator, condition))


class ClassEmbedding(TransferStrategy):
    """G := G(z + e(y)) with a trained vector e(y) for each class, or a trained map of the attributes (Mirza and
    Osindero 2014, "Conditional generative adversarial nets"). It wraps any generator, also one that already has the
    decoder's weights."""

    slots = frozenset({Slot.WRAP})
    requires = frozenset()

    def __init__(self, config: ClassEmbeddingConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator that wraps the GAN's own; no edits."""
        settings = EmbeddedGeneratorConfig(gan.specs["generator"])
        return wrapped_with_class(gan, "generator", "class-embedding", settings, "generator")

    def noop_config(self) -> None:
        """None: the vectors learn from the first step."""


def wrapped_with_class(gan: GAN, role: str, name: str, settings: Any, inner: str) -> TransferPlan:
    """The plan of a GAN whose `role` is the component `transfer/<name>` around its own, as the child `inner`; no edits.
    Raises CompositionError for data without labels."""
    require_condition(gan.data, name)
    return TransferPlan(with_component(gan, role, name, settings, inner=inner), wraps={role: inner})


def require_condition(data: DataSpec, owner: str) -> Condition:
    """The classes or attributes of labelled data. Raises CompositionError for other data."""
    if data.condition is None:
        raise CompositionError(
            f"{owner} needs the images' classes, and they have none",
            "Put each class into a folder of its own, or give a table: --labels table.csv",
        )
    return data.condition


def embedding_of(condition: Condition, width: int) -> nn.Module:
    """A vector of `width` zeros for each class, or a linear map of the attributes to it that starts at 0."""
    embedding: nn.Embedding | nn.Linear
    if condition.classes:
        embedding = nn.Embedding(condition.width, width)
    else:
        embedding = nn.Linear(condition.width, width, bias=False)
    nn.init.zeros_(embedding.weight)
    return embedding


def embedded(embedding: nn.Module, condition: Tensor) -> Tensor:
    """Classes (N,), shares of them (N, classes) or attributes (N, k) -> the embedding's vectors (N, width), in its
    dtype."""
    weight = embedding.weight
    assert isinstance(weight, Tensor)
    if isinstance(embedding, nn.Embedding) and condition.is_floating_point():
        return condition.to(weight.dtype) @ weight
    vectors: Tensor = embedding(condition.to(weight.dtype) if condition.is_floating_point() else condition)
    return vectors
