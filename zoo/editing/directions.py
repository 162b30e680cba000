"""Directions in code space: from classes, from attributes, from examples, by principal components.

A direction is a code (*code_shape) that is added to the code of an image, times a strength.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.images import ImageSet
from zoo.editing.space import CodeSpace
from zoo.errors import ConfigError, near
from zoo.networks.utils import digest
from zoo.transfers.clusters import cluster

__all__ = ["CENTRES", "Directions", "between", "find_directions", "of_attributes", "of_classes", "principal"]

CENTRES = 16
"""How many centres a class has by default."""
_CHUNK = 256
_SHRINKAGE = 0.1
"""The share of a sphere in the codes' covariance, so that it can be inverted with few codes."""


@dataclass(frozen=True)
class Directions:
    """Named directions of one generator's codes.

    `vectors` are float32 (K, M, *code_shape), in the order of `names`. By the `method` `attributes`, `examples` or
    `components` there is one vector of a name (M = 1), which is the same for every code. By `classes` there are M
    centres of each class: the way of a code into a class leads from the centre that is nearest to the code to the
    nearest centre of the class, so that the rest of the code is kept; one centre, the class's mean, makes it a straight
    line. `model` names the release, `generator` is the SHA-256 of the generator's weights.
    """

    names: tuple[str, ...]
    vectors: Tensor
    method: str
    model: str
    generator: str

    def moves(self, name: str, codes: Tensor) -> Tensor:
        """What a strength of 1 adds to each of the codes (N, *code_shape). Of classes, `7` leads into a class from
        whichever the code is nearest to, and `4,7` from one to another. Raises ConfigError for an unknown name."""
        if self.method != "classes":
            return self._of(name)[0].expand_as(codes)
        first, comma, last = ("", "", name) if name in self.names else name.partition(",")
        target = self._of(last if comma or not first else name)
        return _nearest(codes, target) - _nearest(codes, self._of(first) if comma else self.vectors.flatten(0, 1))

    def has(self, name: str) -> bool:
        """Whether `moves` takes that name."""
        first, comma, last = name.partition(",")
        return name in self.names or bool(comma and self.method == "classes" and {first, last} <= set(self.names))

    def _of(self, name: str) -> Tensor:
        if name not in self.names:
            raise ConfigError(f"there is no direction {name[:80]!r}", near(name, self.names))
        return self.vectors[self.names.index(name)]

    def require_for(self, space: CodeSpace) -> None:
        """Raise ConfigError unless these are directions of the codes of this very generator."""
        if tuple(self.vectors.shape[2:]) != space.code_shape or self.generator != digest(space.generator):
            raise ConfigError(
                f"these are directions of another model, {self.model}",
                "They mean something to their own generator alone: find them again, with zoo directions find.",
            )


def find_directions(
    model: Any,
    images: ImageSet | None = None,
    *,
    examples: Mapping[str, tuple[ImageSet, ImageSet]] | None = None,
    components: int = 0,
    centres: int = CENTRES,
    name: str = "",
    seed: int = 0,
) -> Directions:
    """Directions of a model's codes; see `CodeSpace` for what `model` may be.

    By default those of the attributes of `images`, or of their classes, with so many `centres` of each; with
    `components` the principal components of the codes of `images`, or of 4,096 codes of the prior if there are none; or
    by name from the first to the second of a pair of `examples`. Sets with a split give their training images. `name`
    is that of the model, for people; by default that of its release.
    Raises ConfigError for images without labels, of another shape, or without an encoder, and if nothing or several
    things are asked for.
    """
    space = CodeSpace(model)
    if bool(components) + bool(examples) > 1 or (examples and images is not None):
        raise ConfigError("components, examples and images with labels do not go together", "Ask for one of them.")
    if examples:
        by_name = {key: between(*(_codes(space, side, whole=True) for side in pair)) for key, pair in examples.items()}
        method = "examples"
    elif components:
        codes = space.drawn(seed) if images is None else _codes(space, images)
        by_name, method = principal(codes, components), "components"
    elif images is not None:
        by_name, method = _of_labels(space, images, centres, seed)
    else:
        raise ConfigError("no images are given to find directions from", "Give --data with labels, --from and --to.")
    vectors = torch.stack(list(by_name.values())).float()
    if method != "classes":
        vectors = vectors[:, None]
    return Directions(tuple(by_name), vectors, method, name or space.name, digest(space.generator))


def of_classes(codes: Tensor, labels: Tensor, names: Sequence[str], centres: int, seed: int = 0) -> dict[str, Tensor]:
    """The centres (centres, *code_shape) of each class by k-means, the largest cluster first; a class with few images
    has fewer, which repeat. Classes without images are left out."""
    by_name = {}
    for number, name in enumerate(names):
        rows = codes[labels == number]
        if not len(rows):
            continue
        count = max(1, min(centres, len(rows) // 2))
        of_class = rows.mean(0)[None]
        if count > 1:
            of_class = cluster(rows, torch.arange(len(rows)), count, seed).centres.view(-1, *codes.shape[1:])
        by_name[name] = of_class[torch.arange(centres) % count]
    return by_name


def of_attributes(codes: Tensor, attributes: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """The shortest change of a code that raises one attribute by its standard deviation and leaves the others, as a
    linear regression on codes predicts them.

    With the codes' covariance S and the covariances C (d, k) of codes and standardised attributes, the regression has
    the weights S^-1 C, and direction i is column i of C (C^T S^-1 C)^-1: among all changes with these predictions that
    of the least length under S^-1, the likeliest under a Gaussian. Projecting other attributes' directions out is due
    to Shen et al. 2020 ("InterFaceGAN", section 3.3). Attributes that never change are left out. `attributes` are
    (N, k). Raises ConfigError if the regression cannot tell the attributes apart.
    """
    flat = codes.flatten(1).double()
    flat = flat - flat.mean(0)
    spread = attributes.double().std(0)
    used = [column for column in range(len(names)) if spread[column] > 0]
    if not used:
        raise ConfigError("no attribute changes from image to image", "Give images that differ in them.")
    wanted = ((attributes.double() - attributes.double().mean(0)) / spread)[:, used]
    covariance = flat.T @ flat / len(flat)
    size = covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.float64)
    crossed = flat.T @ wanted / len(flat)
    predicted = crossed.T @ torch.linalg.solve((1 - _SHRINKAGE) * covariance + _SHRINKAGE * size, crossed)
    if torch.linalg.cond(predicted) > 1e8:
        raise ConfigError("attributes follow from each other", "Leave out those that others determine.")
    vectors = crossed @ torch.linalg.inv(predicted)
    return {names[column]: vectors[:, i].view(codes.shape[1:]).float() for i, column in enumerate(used)}


def between(first: Tensor, second: Tensor) -> Tensor:
    """From the mean of some codes (N, ...) to that of others (M, ...)."""
    return second.mean(0) - first.mean(0)


def principal(codes: Tensor, count: int) -> dict[str, Tensor]:
    """The `count` principal components of codes (Harkonen et al. 2020, "GANSpace"), each as long as the codes' standard
    deviation along it, by falling length: `1`, `2`, ... The sign makes the largest value positive. Raises ConfigError
    for more components than codes have."""
    flat = codes.flatten(1).double()
    flat = flat - flat.mean(0)
    most = min(flat.shape[1], len(flat) - 1)
    if not 1 <= count <= most:
        raise ConfigError(f"{count} components cannot be found", f"There are at most {most}.")
    _, lengths, axes = torch.linalg.svd(flat, full_matrices=False)
    axes = axes[:count] * axes[:count].gather(1, axes[:count].abs().argmax(1, keepdim=True)).sign()
    scaled = axes * (lengths[:count] / (len(flat) - 1) ** 0.5)[:, None]
    return {str(i + 1): axis.view(codes.shape[1:]).float() for i, axis in enumerate(scaled)}


def _of_labels(space: CodeSpace, images: ImageSet, centres: int, seed: int) -> tuple[dict[str, Tensor], str]:
    condition = images.spec.condition
    labels = images.conditions(images.to_fit())
    if condition is None or labels is None:
        raise ConfigError(
            f"{images.name} has no labels", "Give labels (--labels), examples (--from, --to), or --components."
        )
    codes = _codes(space, images)
    if condition.classes:
        return of_classes(codes, labels, condition.classes, centres, seed), "classes"
    return of_attributes(codes, labels, condition.attributes), "attributes"


def _codes(space: CodeSpace, images: ImageSet, *, whole: bool = False) -> Tensor:
    """The codes of the training images, or of all."""
    rows = torch.arange(len(images)) if whole else images.to_fit()
    return torch.cat([space.encode(images.batch(part)) for part in rows.split(_CHUNK)])


def _nearest(codes: Tensor, centres: Tensor) -> Tensor:
    """The centre (M, *code_shape) that is nearest to each of the codes (N, *code_shape)."""
    return centres[torch.cdist(codes.flatten(1), centres.flatten(1)).argmin(1)]
