"""A GAN that takes classes, measured class by class, and by what a classifier learns from its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.metrics.classifier import accuracy, train_classifier
from zoo.metrics.distances import kid
from zoo.metrics.evaluate import features_of
from zoo.metrics.manifolds import NEIGHBOURS, manifolds
from zoo.metrics.types import FeatureSpace
from zoo.networks.gan import GAN

__all__ = ["ByClass", "ClassFigures", "measure_classes"]

_SEEDS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: how many images of it were learnt from and held out, KID, precision and recall of as many samples
    against the held-out ones (None with too few), the share of samples that a classifier takes for it, and the other
    class that it takes most samples for, with their share ("" and 0 if there are none)."""

    name: str
    learnt: int
    held_out: int
    kid: float | None
    precision: float | None
    recall: float | None
    right: float
    leaks_to: str
    leaked: float


@dataclass(frozen=True, slots=True)
class ByClass:
    """The figures of each class; `right` is the share of all samples that the classifier takes for the class that was
    asked for, `real_right` that of held-out images.

    `on_samples`, `on_real` and `on_both` are the accuracies on held-out images of classifiers that learnt from samples
    alone (Ravuri and Vinyals 2019, "Classification accuracy score"), from the training images, and from both: one for
    each of three seeds.
    """

    classes: tuple[ClassFigures, ...]
    right: float
    real_right: float
    on_samples: tuple[float, ...]
    on_real: tuple[float, ...]
    on_both: tuple[float, ...]

    @property
    def worst(self) -> ClassFigures:
        """The class of which fewest samples are right."""
        return min(self.classes, key=lambda one: one.right)


def measure_classes(gan: GAN, images: ImageSet, space: FeatureSpace, count: int, seed: int = 0) -> ByClass:
    """Measure about `count` samples, equally many of each class, in the features of `space`. Classifiers are trained on
    these features too. Raises ConfigError for a GAN without classes, or images without the same ones."""
    condition = gan.condition
    if condition is None or not condition.classes:
        raise ConfigError("this GAN takes no classes", "Train one that does: docs/classes.md")
    labels = images.conditions(torch.arange(len(images)))
    if labels is None or images.spec.condition is None or images.spec.condition.classes != condition.classes:
        raise ConfigError(
            f"{images.name} has other classes than the GAN", f"It needs {', '.join(condition.classes[:5])}, ..."
        )
    k = condition.width
    each = max(2, count // k)
    asked = torch.arange(k).repeat_interleave(each)
    fake = features_of(gan.sample(k * each, seed, classes=asked), images.spec, space)
    real = features_of(images.batch(torch.arange(len(images))), images.spec, space)
    train, held_out = images.train, images.held_out
    of_real = [train_classifier(real[train], labels[train], k, s) for s in _SEEDS]
    judge = of_real[0]
    rows = [
        _class_figures(condition.classes, number, (real, labels), (train, held_out), fake[asked == number], judge)
        for number in range(k)
    ]
    both = torch.cat([fake, real[train]]), torch.cat([asked, labels[train]])
    of_samples, of_both = ([train_classifier(*data, k, s) for s in _SEEDS] for data in ((fake, asked), both))
    on_samples, on_real, on_both = (
        tuple(accuracy(one, real[held_out], labels[held_out]) for one in classifiers)
        for classifiers in (of_samples, of_real, of_both)
    )
    return ByClass(tuple(rows), accuracy(judge, fake, asked), on_real[0], on_samples, on_real, on_both)


@torch.no_grad()
def _class_figures(
    names: Sequence[str],
    number: int,
    images: tuple[Tensor, Tensor],
    split: tuple[Tensor, Tensor],
    fake: Tensor,
    judge: torch.nn.Module,
) -> ClassFigures:
    real, labels = images
    learnt, held_out = (rows[labels[rows] == number] for rows in split)
    own = real[held_out]
    count = min(len(own), len(fake))
    near = manifolds(own[:count], fake[:count]) if count > NEIGHBOURS else None
    taken = judge(fake).argmax(1).bincount(minlength=len(names)) / len(fake)
    others = taken.clone()
    others[number] = 0
    leaks_to = int(others.argmax())
    return ClassFigures(
        names[number],
        len(learnt),
        len(held_out),
        kid(fake, own) if len(own) > 1 else None,
        None if near is None else near.precision,
        None if near is None else near.recall,
        float(taken[number]),
        names[leaks_to] if others[leaks_to] else "",
        float(others[leaks_to]),
    )
