"""How far samples are from the training images, in the features of a frozen network."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.images import ImageSet
from zoo.metrics.evaluate import features_of
from zoo.metrics.types import FeatureSpace

__all__ = ["TrainingImages"]

_BLOCK = 2**24
"""The most distances at once: 64 MiB."""


class TrainingImages:
    """The training rows of `images` as features in `space`, computed once: they are kept in memory."""

    def __init__(self, images: ImageSet, space: FeatureSpace) -> None:
        self.images, self.space = images, space
        parts = [features_of(images.batch(rows), images.spec, space) for rows in images.train.split(256)]
        self._features = torch.cat(parts)

    def nearest(self, images: Tensor) -> tuple[list[str], Tensor]:
        """Of images (n, *shape) in the value range: the name of the nearest training image, its path or its number, and
        the distance (n,), float64."""
        features = features_of(images, self.images.spec, self.space)
        block = max(1, _BLOCK // len(self._features))
        near = torch.cat([torch.cdist(part, self._features).argmin(1) for part in features.split(block)])
        distances = (features.double() - self._features[near].double()).norm(dim=1)
        rows = self.images.train[near].tolist()
        return [self.images.names[row] if self.images.names else str(row) for row in rows], distances
