"""Labels of images: class numbers that follow each other, with the classes' names and shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from zoo.data.config import TABLES
from zoo.data.images import ImageSet
from zoo.data.label_table import read_label_table
from zoo.data.layout import Layout
from zoo.errors import ConfigError, DataError
from zoo.types import Condition

__all__ = ["balanced_rows", "label_by_table", "label_files", "names_of_labels", "number_classes"]

_MOST_CLASSES = 10_000
_FEW = 10
_MOST_REPEATS = 100
_QUANTILES = 20


def names_of_labels(labels: Tensor, names: Sequence[str], owner: str) -> dict[int, str]:
    """The name of each label that occurs in a source: `names[label]`, or the label itself if there are no names.

    Raises DataError, naming `owner`, for more than 10,000 labels and for a label without a name.
    """
    different = labels.unique()
    if len(different) > _MOST_CLASSES:
        raise DataError(
            f"{owner} has {len(different):,} different labels, more than {_MOST_CLASSES:,} classes",
            "Leave them out: --labels off.",
        )
    present: list[int] = different.tolist()
    if names and not all(0 <= label < len(names) for label in present):
        raise DataError(f"{owner} has labels from {present[0]} to {present[-1]}, and names {len(names)} classes")
    return {label: names[label] if names else str(label) for label in present}


def label_files(images: ImageSet, layout: Layout) -> ImageSet:
    """The same images, which are files, with the labels that their config asks for: a table's, or those of the `layout`
    that they lie in. Raises DataError for labels that were asked for and are not there."""
    asked = images.config.labels
    if asked.endswith(TABLES):
        return label_by_table(images)
    if layout.labels is not None and len(layout.classes) > 1:
        labels = torch.from_numpy(layout.labels)
        return replace(images, labels=labels, class_names=names_of_labels(labels, layout.classes, images.name))
    if asked not in ("auto", "off"):
        raise DataError(
            f"{images.name} has no classes: {layout.unlabelled:,} of {len(images):,} images are in none"
            if layout.unlabelled
            else f"{images.name} has one class alone",
            "Put each class into a folder of its own (photos/dress/1.jpg), or give a table: --labels table.csv",
        )
    if asked == "auto" and 0 < layout.unlabelled < len(images):
        note = f"labels: {layout.unlabelled:,} of {len(images):,} images are in no class, so there are no classes"
        return replace(images, label_notes=(note,))
    return images


def label_by_table(images: ImageSet) -> ImageSet:
    """The same images with the labels of the table that their config names, by their names. Raises DataError like
    `read_label_table`."""
    path = Path(images.config.labels).expanduser().resolve()
    table = read_label_table(path, images.names)
    notes = (f"labels: {table.unused:,} rows of {path.name} are of no image here",) if table.unused else ()
    config = replace(images.config, labels=str(path))
    labelled = replace(images, labels=torch.from_numpy(table.labels), label_notes=notes, config=config)
    if table.attributes:
        condition = Condition(attributes=table.attributes, quantiles=_quantiles(labelled))
        return replace(labelled, spec=replace(images.spec, condition=condition))
    return replace(labelled, class_names=dict(enumerate(table.classes)))


def _quantiles(images: ImageSet) -> tuple[tuple[float, ...], ...]:
    """Of each attribute, twenty values of the training images; neither the least nor the greatest is among them."""
    assert images.labels is not None
    at = (torch.arange(_QUANTILES) + 0.5) / _QUANTILES
    values = images.labels[images.train].quantile(at, dim=0, interpolation="nearest")
    return tuple(map(tuple, values.T.tolist()))


def number_classes(images: ImageSet, known: Condition | None = None) -> ImageSet:
    """The same images with class numbers 0, 1, ... as labels, and the classes in their spec.

    The classes are those of the source, or of the selection if it chose some, in the order of their labels; `known` has
    the classes that a run was begun with. A set of one class is left without: there is nothing to ask for. Raises
    DataError for a class that is not among the known ones.
    """
    if images.labels is None or images.labels.is_floating_point():
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
    return replace(
        images,
        labels=numbers,
        spec=replace(images.spec, condition=Condition(classes, shares=shares)),
        label_notes=(*images.label_notes, *_small_classes(classes, counts.long().tolist())),
    )


def balanced_rows(images: ImageSet) -> Tensor:
    """The training rows, those of smaller classes repeated until each class has as many as the largest one; no row
    occurs more than 100 times. Raises ConfigError for images without classes."""
    if images.labels is None or images.labels.is_floating_point():
        raise ConfigError(
            f"balance is for images with classes, and {images.name} has none that this GAN takes",
            "Let the GAN take them (--by-class), or leave balance out.",
        )
    labels = images.labels[images.train]
    groups = [images.train[labels == number] for number in labels.unique().tolist()]
    most = max(map(len, groups))
    repeated = [group[torch.arange(min(most, _MOST_REPEATS * len(group))) % len(group)] for group in groups]
    return torch.cat(repeated).sort().values


def _small_classes(classes: Sequence[str], counts: Sequence[int]) -> list[str]:
    """A note about the classes that are too small to learn from, if any."""
    small = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < _FEW]
    if not small:
        return []
    some = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
    return [f"labels: {len(small)} of {len(classes)} classes have fewer than {_FEW} images to learn from: {some}"]
