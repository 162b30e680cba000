"""Conditions: classes go from the data's labels through prior, generator, discriminator and losses to the samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_transfers import make_trainer, run
from torch import Tensor, nn

import zoo
from zoo import plugins
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError, TransferError
from zoo.networks.conditioning import condition_arguments
from zoo.types import Condition, DataSpec, PartSpec

CLASSES = ("left", "right")
DATA = DataSpec((1, 8, 8), condition=Condition(CLASSES, shares=(0.75, 0.25)))


class ClassGenerator(nn.Module):
    """x = sigmoid-free linear map of z, plus the picture of the class."""

    conditional = True
    first = None

    def __init__(self, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        assert data.condition is not None
        self.data, self.code_shape = data, code_shape
        self.picture = nn.Embedding(data.condition.width, data.size)
        self.map = nn.Linear(code_shape[0], data.size)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        return torch.tanh(self.map(z) + self.picture(condition)).view(-1, *self.data.shape)


class ProjectionDiscriminator(nn.Module):
    """Miyato and Koyama 2018, without a network before it."""

    conditional = True
    logit_groups = (1,)

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        assert data.condition is not None
        self.data = data
        self.score = nn.Linear(data.size, 1)
        self.embedding = nn.Embedding(data.condition.width, data.size)

    def discriminate(self, x: Tensor, condition: Tensor) -> Any:
        flat = x.flatten(1)
        logits = self.score(flat) + (self.embedding(condition) * flat).sum(1, keepdim=True)
        return SimpleNamespace(logits=logits, stages=())


class ClassPrior(nn.Module):
    """N(class, 1)."""

    conditional = True

    def __init__(self, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape

    def sample(self, n: int, rng: torch.Generator | None, condition: Tensor) -> Tensor:
        return torch.randn(n, *self.code_shape, generator=rng) + condition[:, None]
