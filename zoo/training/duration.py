"""How long a recipe that begins with a release will train, from a few steps of it."""

from __future__ import annotations

from dataclasses import replace

from zoo.data.open import open_data
from zoo.training.first_stage_report import explain_first_stage, seconds_an_image
from zoo.training.recipe import Recipe
from zoo.training.recipe_models import autoencoder_of, compose_gan

__all__ = ["seconds_to_train"]

_OPENED = 256


def seconds_to_train(recipe: Recipe) -> float:
    """Seconds of encoding and training, measured by a few steps of the GAN on up to 256 images; nothing is kept. An
    image that the autoencoder learns first counts as one of the GAN, whose steps are longer."""
    section, transfer = recipe.gan, recipe.transfer
    assert section is not None, "a recipe without a GAN"
    if recipe.first_stage is not None:
        report = explain_first_stage(recipe)
        return report.encode + report.train
    assert transfer is not None, "neither a first stage nor a source"
    adapted = recipe.autoencoder
    name = transfer.source if adapted is None else adapted.source
    assert name is not None, "an autoencoder from scratch is no release"
    source = autoencoder_of(name)
    images = open_data(replace(recipe.data, limit=_OPENED, sha256=None), like=source.data)
    composed = compose_gan(section, images.spec, source, recipe.seed)
    shown = section.training.images + (0 if adapted is None else adapted.training.images)
    return seconds_an_image(composed, images, section, recipe.engine) * shown
