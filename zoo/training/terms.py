"""The licences of everything that a run was made from, as its recipe and its images state them."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.training.image_sample import ImageSample
from zoo.training.recipe import Recipe
from zoo.types import Origin

__all__ = ["licences_of"]


def licences_of(recipe: Recipe, sample: ImageSample) -> dict[str, str]:
    """The licence (SPDX) of each source of a run by its description: its images, the releases that it began with, its
    first stage, weights from elsewhere, and those of the runs before it. Sources that state none are left out."""
    stated = [(f"the images {sample.name}", sample.license), *_of_recipe(recipe)]
    return {what: license for what, license in stated if license}


def _of_recipe(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if (first := recipe.first_stage) is not None:
        yield _named("the first stage", first.origin), first.license
    if (own := recipe.autoencoder) is not None:
        yield _named("the autoencoder", own.origin), own.license
        if own.trained_by is not None:
            yield from _of_recipe(own.trained_by)
    if (transfer := recipe.transfer) is not None:
        yield _named("the source", transfer.origin), transfer.license
        for name, further in transfer.further.items():
            yield _named(f"the further source {name}", further.origin), further.license
        if transfer.trained_by is not None:
            yield from _of_recipe(transfer.trained_by)
    for weights in recipe.pretrained:
        yield f"the weights {weights.file} of {weights.repository or 'your own'}", weights.license


def _named(what: str, origin: Origin | None) -> str:
    return f"{what} {origin.name} {origin.version}" if origin is not None else what
