"""Taking part of an image set: some classes, fewer rows to learn from, or a set to tune on."""

from __future__ import annotations

from dataclasses import replace

import torch

from zoo.data.images import ImageSet
from zoo.data.split import chosen, split
from zoo.errors import DataError
from zoo.specs import Selection

__all__ = ["select"]


def select(images: ImageSet, selection: Selection | None) -> ImageSet:
    """The rows that `selection` asks for, as a set that knows how it was chosen; the same ones on every machine.

    Raises DataError where the set has no labels, none of a class, or nothing is left to learn from.
    """
    if selection is None or selection == Selection():
        return images
    if selection.classes:
        if images.labels is None:
            raise DataError(f"{images.name} has no labels to choose classes by", "Leave `classes` out.")
        rows = torch.isin(images.labels, torch.tensor(selection.classes)).nonzero().squeeze(1)
        missing = sorted(set(selection.classes) - set(images.labels.tolist()))
        if missing:
            raise DataError(f"{images.name} has no image of class {missing[0]}", "zoo components dataset")
        images = images.subset(rows, images.name)
    if selection.tuning:
        images = images.subset(images.train, images.name)
        learnt = torch.from_numpy(split([f"tuning/{row}" for row in range(len(images))], 0.2))
        images = replace(images, train=learnt.nonzero().squeeze(1), held_out=(~learnt).nonzero().squeeze(1))
    if selection.learn_from is not None:
        kept = images.train[torch.tensor(chosen([str(row) for row in images.train.tolist()], selection.learn_from))]
        images = images.subset(torch.cat([kept, images.held_out]).sort().values, images.name)
    if not len(images.train):
        raise DataError(f"nothing of {images.name} is left to learn from", "Choose more classes or rows.")
    return replace(images, selection=selection)
