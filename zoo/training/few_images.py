"""Few images: a discriminator would learn them by heart, so its inputs are augmented if the user did not choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.data.modalities import reader_of
from zoo.data.sizes import count_of
from zoo.errors import DataError
from zoo.training.recipe import Recipe

__all__ = ["FEW_IMAGES", "augmented_if_few"]

FEW_IMAGES = 1_000
"""Differentiable augmentation helps below some thousand images, and most where they are fewest (Zhao et al. 2020,
"Differentiable augmentation for data-efficient GAN training")."""


def augmented_if_few(recipe: Recipe) -> tuple[Recipe, str]:
    """The recipe of a GAN with augmentation if its source has fewer than 1,000 images, and what to say about it, empty
    if nothing changes. Codes are shifted alone, as their channels are no colours. Raises what finding images raises."""
    if recipe.gan is None or recipe.gan.training.augment != "none":
        return recipe, ""
    if reader_of(Path(recipe.data.source)) is not None:
        return recipe, ""  # augmentations are of images
    try:
        count = count_of(recipe.data)
    except DataError:
        return recipe, ""  # vectors; or opening them gives the reason
    if not 0 < count < FEW_IMAGES:
        return recipe, ""
    kinds = "colour+translation" if recipe.first_stage is None else "translation"
    training = replace(recipe.gan.training, augment=kinds)
    said = f"{count:,} images are few: augment={kinds} is on (--set augment=none turns it off)"
    return replace(recipe, gan=replace(recipe.gan, training=training)), said
