"""A run's recipe from its model, and its model from the recipe: the two directions side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.select import select
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part, build_autoencoder, build_gan
from zoo.networks.gan import GAN
from zoo.protocols import Transfer
from zoo.specs import DataSpec, PartSpec
from zoo.training.adversarial import AdversarialTrainee
from zoo.training.engine import Engine
from zoo.training.recipe import (
    AdversarialTraining,
    AutoencoderSection,
    AutoencoderTraining,
    DataSection,
    EngineSection,
    EvaluationSection,
    GanSection,
    Recipe,
    SourceStructure,
    TransferSection,
)
from zoo.training.reconstruction import AutoencoderTrainee
from zoo.transfers.planning import choose, plan
from zoo.transfers.transfer import Moved

__all__ = [
    "data_section",
    "images_of",
    "rebuild",
    "recipe_of_autoencoder",
    "recipe_of_gan",
    "source_structure",
    "structure_on",
]

Value = TypeVar("Value")


def recipe_of_autoencoder(
    model: Autoencoder,
    training: AutoencoderTraining,
    images: ImageSet,
    *,
    seed: int,
    name: str,
    engine: EngineSection | None = None,
) -> Recipe:
    """Every setting of an autoencoder's run, written out."""
    training = replace(training, objective=plugins.normalise("objective", as_part(training.objective)))
    specs = model.specs
    section = AutoencoderSection(
        specs["encoder"],
        specs["decoder"],
        specs["bottleneck"],
        model.latent_dim,
        training,
        source=model.origin.name if model.origin else None,
        origin=model.origin,
    )
    return Recipe(
        data_section(images),
        name=name,
        seed=seed,
        threads=torch.get_num_threads(),
        engine=engine or EngineSection(),
        autoencoder=section,
    )


def recipe_of_gan(
    model: GAN | Moved,
    training: AdversarialTraining,
    evaluation: EvaluationSection | None,
    images: ImageSet,
    *,
    seed: int,
    name: str,
    engine: EngineSection | None = None,
) -> Recipe:
    """Every setting of a GAN's run, written out; of a transfer also the source's structure and digest."""
    training = replace(training, objective=plugins.normalise("objective", as_part(training.objective)))
    if training.regulariser != "none":
        training = replace(training, regulariser=plugins.normalise("regulariser", as_part(training.regulariser)))
    transfer = None
    specs, latent_dim = (
        (model.composed, model.gan.latent_dim) if isinstance(model, Moved) else (model.specs, model.latent_dim)
    )
    if isinstance(model, Moved):
        strategies = tuple(chosen.spec for chosen in model.chosen)
        origin = model.source.origin
        source = origin.name if origin and not origin.adapted else "autoencoder"
        transfer = TransferSection(source, strategies, model.report.source, source_structure(model.source), origin)
    return Recipe(
        data_section(images),
        name=name,
        seed=seed,
        threads=torch.get_num_threads(),
        engine=engine or EngineSection(),
        transfer=transfer,
        gan=GanSection(specs["generator"], specs["discriminator"], specs["prior"], latent_dim, training),
        evaluation=evaluation,
    )


def rebuild(recipe: Recipe, images: ImageSet) -> AutoencoderTrainee | AdversarialTrainee:
    """What a run's recipe trains, with values still to come from a checkpoint. The transfer's source is not touched."""
    if recipe.autoencoder is not None:
        section = recipe.autoencoder
        model = build_autoencoder(_specs(section), images.spec, section.latent_dim)
        return AutoencoderTrainee(model, images, section.training, recipe.seed, Engine(recipe.engine))
    gan_section = _given(recipe.gan)
    specs = {
        "generator": _given_part(gan_section.generator),
        "discriminator": _given_part(gan_section.discriminator),
        "prior": as_part(gan_section.prior),
    }
    planned = Transfer(build_gan(specs, images.spec, _given(gan_section.latent_dim)))
    if recipe.transfer is not None:
        strategy = recipe.transfer.strategy
        source = structure_on(_given(recipe.transfer.structure), "meta")
        planned = plan(source, planned.gan, choose(strategy if isinstance(strategy, str) else list(strategy)))
    return AdversarialTrainee(planned, images, gan_section.training, recipe.seed, Engine(recipe.engine))


def images_of(recipe: Recipe) -> ImageSet:
    """The images of a run. Raises ConfigError when they are no longer those that it began with."""
    section = recipe.data
    like = DataSpec(_given(section.shape), _given(section.low), _given(section.high), background=section.background)
    images = open_images(
        section.source,
        like=like,
        prepare=section.prepare,
        strict=section.strict,
        limit=section.limit,
        stream=section.stream,
    )
    images = select(images, section.select)
    if section.sha256 not in (None, images.sha256):
        raise ConfigError(
            f"the images of {section.source} are not those that this run began with: "
            f"data.sha256 {str(section.sha256)[:12]} -> {images.sha256[:12]}, now {len(images):,} images",
            "Put them back, or the version of Pillow that prepared them; "
            f"or go on with these in a new run: zoo resume RUN --override data.source={section.source} --out NEW",
        )
    return images


def source_structure(model: Autoencoder) -> SourceStructure:
    """What planning needs to know of an autoencoder."""
    specs = model.specs
    return SourceStructure(specs["encoder"], specs["bottleneck"], specs["decoder"], model.latent_dim, model.data)


def structure_on(structure: SourceStructure, device: str) -> Autoencoder:
    """The autoencoder of that structure, on `device` (fresh weights unless it is `meta`)."""
    specs = {"encoder": structure.encoder, "bottleneck": structure.bottleneck, "decoder": structure.decoder}
    return build_autoencoder(specs, structure.data, structure.latent_dim, device=device)


def data_section(images: ImageSet) -> DataSection:
    """How to open the same images again, and their digest."""
    spec = images.spec
    return DataSection(
        images.source,
        spec.shape,
        spec.low,
        spec.high,
        spec.prepare,
        spec.background,
        images.limit,
        images.selection,
        images.sha256,
        images.strict,
        images.streamed,
    )


def _specs(section: AutoencoderSection) -> dict[str, PartSpec]:
    return {
        "encoder": as_part(section.encoder),
        "bottleneck": as_part(section.bottleneck),
        "decoder": _given_part(section.generator),
    }


def _given_part(part: str | PartSpec | None) -> PartSpec:
    return as_part(_given(None) if part is None else part)


def _given(value: Value | None) -> Value:
    if value is None:
        raise ConfigError(
            "this recipe is not a run's: a setting is missing", "Give the folder of a run, or zoo train RECIPE."
        )
    return value
