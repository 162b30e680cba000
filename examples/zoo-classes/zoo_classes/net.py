"""A generator and a discriminator of labelled samples."""

from __future__ import annotations

import math

from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Discriminator, DiscriminatorOutput, Generator, output
from zoo_classes.config import NetworkConfig

__all__ = ["JoinedGenerator", "ProjectionDiscriminator"]


class JoinedGenerator(Generator):
    """z joined to an embedding of the class -> samples (N, *data.shape) in the value range."""

    conditional = True
    first: nn.Linear

    def __init__(self, config: NetworkConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data, self.code_shape = data, code_shape
        self.first = nn.Linear(math.prod(code_shape), config.width)
        self.embedding = nn.Embedding(_classes(data), config.width)
        self.middle = nn.Linear(config.width, config.width)
        self.last = nn.Linear(config.width, data.size)
        self.output = output(data)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (N, *code_shape), classes (N,) -> x (N, *data.shape)."""
        # a linear layer of both, joined, is the sum of one of each; that of the embedding is part of the embedding
        x = nn.functional.leaky_relu(self.first(z.flatten(1)) + self.embedding(condition), 0.2)
        x = nn.functional.leaky_relu(self.middle(x), 0.2)
        return self.output(self.last(x)).unflatten(1, self.data.shape)


class ProjectionDiscriminator(Discriminator):
    """A logit of the sample, plus the scalar product of its features and the class's embedding."""

    conditional = True
    logit_groups = (1,)

    def __init__(self, config: NetworkConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.features = nn.Sequential(
            nn.Flatten(),
            nn.Linear(data.size, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, config.width),
            nn.LeakyReLU(0.2),
        )
        self.head = nn.Linear(config.width, 1)
        self.embedding = nn.Embedding(_classes(data), config.width)

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape), classes (N,) -> logits (N, 1)."""
        features = self.features(x)
        projection = (features * self.embedding(condition)).sum(1, keepdim=True)
        return DiscriminatorOutput(self.head(features) + projection, (features,))


def _classes(data: DataSpec) -> int:
    """How many classes there are. Raises CompositionError for data without any."""
    if data.condition is None or not data.condition.classes:
        raise CompositionError("the networks of zoo-classes need images with classes", "Give labelled images.")
    return data.condition.width
