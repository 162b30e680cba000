"""Labels of images: class numbers that follow each other, with the classes' names and shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from zoo.data.images import ImageSet
from zoo.errors import DataError
from zoo.types import Condition

__all__ = ["number_classes"]

_MOST_CLASSES = 10_000


def number_classes(images: ImageSet, names: Sequence[str] = (), known: Condition | None = None) -> ImageSet:
    """The same images with class numbers 0, 1, ... as labels, and the classes in their spec.

    A class is named `names[label]`, or like its label if there are no names. Only classes that occur count, in the
    order of their labels; `known` gives the classes, in their order, that a run was begun with. Images that have fewer
    than two classes are left without: there is nothing to ask for. Raises DataError for a class that is not among the
    known ones, and for more than 10,000 classes.
    """
    if images.labels is None:
        return images
    labels, positions = images.labels.unique(return_inverse=True)
    if len(labels) > _MOST_CLASSES:
        raise DataError(
            f"{images.name} has {len(labels):,} different labels, more than {_MOST_CLASSES:,} classes",
            "Leave them out: --labels off.",
        )
    found = tuple(names[label] if names else str(label) for label in labels.tolist())
    classes = known.classes if known is not None else found
    unknown = sorted(set(found) - set(classes))
    if unknown:
        raise DataError(
            f"{images.name} has images of the class {unknown[0]!r}, which is not one of {len(classes)} known"
        )
    if len(classes) < 2:
        return replace(images, labels=None, spec=replace(images.spec, condition=None))
    numbers = torch.tensor([classes.index(name) for name in found])[positions]
    counts = numbers[images.train].bincount(minlength=len(classes)).double()
    shares = tuple((counts / counts.sum()).tolist()) if known is None else known.shares
    return replace(images, labels=numbers, spec=replace(images.spec, condition=Condition(classes, shares=shares)))
