"""Labels of images: class numbers that follow each other, with the classes' names and shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from zoo.data.images import ImageSet
from zoo.errors import DataError
from zoo.types import Condition

__all__ = ["names_of_labels", "number_classes"]

_MOST_CLASSES = 10_000


def names_of_labels(labels: Tensor, names: Sequence[str], owner: str) -> dict[int, str]:
    """The name of each label that occurs in a source: `names[label]`, or the label itself if there are no names.

    Raises DataError, naming `owner`, for more than 10,000 labels and for a label without a name.
    """
    present: list[int] = labels.unique().tolist()
    if len(present) > _MOST_CLASSES:
        raise DataError(
            f"{owner} has {len(present):,} different labels, more than {_MOST_CLASSES:,} classes",
            "Leave them out: --labels off.",
        )
    if names and not all(0 <= label < len(names) for label in present):
        raise DataError(f"{owner} has labels from {present[0]} to {present[-1]}, and names {len(names)} classes")
    return {label: names[label] if names else str(label) for label in present}


def number_classes(images: ImageSet, known: Condition | None = None) -> ImageSet:
    """The same images with class numbers 0, 1, ... as labels, and the classes in their spec.

    The classes are those of the source, or of the selection if it chose some, in the order of their labels; `known` has
    the classes that a run was begun with. A set of one class is left without: there is nothing to ask for. Raises
    DataError for a class that is not among the known ones.
    """
    if images.labels is None:
        return images
    chosen = images.config.select.classes if images.config.select else ()
    names = {label: name for label, name in images.class_names.items() if not chosen or label in chosen}
    classes = known.classes if known is not None else tuple(names.values())
    unknown = sorted(set(names.values()) - set(classes))
    if unknown:
        raise DataError(f"{images.name} has images of the class {unknown[0]!r}, which is none of {len(classes)} known")
    if len(classes) < 2:
        return replace(images, labels=None)
    labels, positions = images.labels.unique(return_inverse=True)
    numbers = torch.tensor([classes.index(names[label]) for label in labels.tolist()])[positions]
    counts = numbers[images.train].bincount(minlength=len(classes)).double()
    shares = tuple((counts / counts.sum()).tolist()) if known is None else known.shares
    return replace(images, labels=numbers, spec=replace(images.spec, condition=Condition(classes, shares=shares)))
