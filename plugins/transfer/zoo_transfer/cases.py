"""Cases of the components that have no default for a part of theirs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from zoo.plugin import Case, Condition, DataSpec, PartSpec

__all__ = [
    "class_mixtures",
    "decoded",
    "energy",
    "freeze_lower",
    "projected",
    "with_base",
    "with_base_and_encoder",
    "with_classes",
    "with_classes_and_base",
    "with_classes_and_generator",
    "with_generator",
    "with_labels",
    "with_labels_in_g",
    "with_norms",
]

_DATA = DataSpec((1, 8, 8))
_CLASSES = replace(_DATA, condition=Condition(("coat", "dress", "hat")))
_ATTRIBUTES = replace(_DATA, condition=Condition(attributes=("striped", "length")))


def with_base_and_encoder() -> Iterable[Case]:
    """A discriminator on the features of an encoder."""
    return [Case({"base": _net(), "encoder": _net(), "channels": 8}, _DATA)]


def projected() -> Iterable[Case]:
    """Heads beside a discriminator, and heads alone that see larger images."""
    parts = {"encoder": _net(), "channels": 8}
    return [Case({"base": _net(), **parts}, _DATA), Case({"size": 16, **parts}, _DATA)]


def with_base() -> Iterable[Case]:
    """A discriminator with spectral norms."""
    return [Case({"base": _net(norm="spectral")}, _DATA)]


def energy() -> Iterable[Case]:
    """An autoencoder as the discriminator, with both norms."""
    parts = {"encoder": _net(), "bottleneck": {"component": "linear"}, "decoder": _net(), "code_shape": [4]}
    return [Case({**parts, "norm": norm}, _DATA) for norm in ("l1", "l2")]


def with_generator() -> Iterable[Case]:
    """A network in front of a generator."""
    return [Case({"generator": _net(), "widths": [8]}, _DATA)]


def decoded() -> Iterable[Case]:
    """A generator of codes, and the decoder of codes of that shape."""
    parts = {"generator": _net(), "decoder": {"component": "spatial", "config": {"width": 8}}}
    return [Case({**parts, "codes": [2, 8, 8]}, DataSpec((3, 32, 32)))]


def with_classes() -> Iterable[Case]:
    """Images of three classes; for a mixture, with few images a class."""
    return [Case(settings, _CLASSES) for settings in ({}, {"components": 3, "least": 4})]


def with_labels() -> Iterable[Case]:
    """Images of three classes, and of two attributes."""
    return [Case({}, data) for data in (_CLASSES, _ATTRIBUTES)]


def with_classes_and_base() -> Iterable[Case]:
    """An encoder as the base, for classes and for attributes."""
    return [Case({"base": _net()}, data) for data in (_CLASSES, _ATTRIBUTES)]


def with_classes_and_generator() -> Iterable[Case]:
    """A generator, for classes and for attributes."""
    return [Case({"generator": _net()}, data) for data in (_CLASSES, _ATTRIBUTES)]


def with_labels_in_g() -> Iterable[Case]:
    """A GAN whose generator takes classes, and one whose generator takes attributes."""
    generator = PartSpec("class-embedding", {"generator": _net()})
    return [Case({}, data, gan_generator=generator) for data in (_CLASSES, _ATTRIBUTES)]


def with_norms() -> Iterable[Case]:
    """Generators with group norm, for classes and for attributes, and one with batch norm."""
    nets = ((_net(), _CLASSES), (_net(), _ATTRIBUTES), (_net(norm="batch"), _CLASSES))
    return [Case({"generator": net}, data) for net, data in nets]


def class_mixtures() -> Iterable[Case]:
    """One Gaussian a class, and two."""
    return [Case({"classes": 3, "components": m}, _CLASSES, code_shape=5) for m in (1, 2)]


def freeze_lower() -> Iterable[Case]:
    """Frozen for the whole run, and until a phase of training."""
    return [Case({"unfreeze_after": after}) for after in (1.0, 0.25)]


def _net(**settings: Any) -> dict[str, Any]:
    return {"component": "dcgan", "config": {"width": 4, **settings}}
