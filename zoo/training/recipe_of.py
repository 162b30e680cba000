"""A run's recipe from its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.training.recipe import (
    AdversarialTraining,
    AutoencoderSection,
    AutoencoderTraining,
    EngineSection,
    EvaluationSection,
    GanSection,
    Recipe,
    TransferSection,
    recipe_from_plain,
)
from zoo.training.recipe_parts import with_plugins
from zoo.training.sources import first_stage_section, section_of, source_structure
from zoo.transfers.apply import TransferResult
from zoo.types import as_part

__all__ = ["images_for", "normalised_losses", "recipe_of_autoencoder", "recipe_of_gan"]

Training = TypeVar("Training", AutoencoderTraining, AdversarialTraining)


def images_for(model: Autoencoder | GAN, images: ImageSet) -> ImageSet:
    """The images that a model learns from: without labels if it takes none, so that nothing publishes their names."""
    return images.without_labels() if model.condition is None else images


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
    specs, origin, trained_by = model.specs, model.origin, _trained_by(model)
    section = AutoencoderSection(
        specs["encoder"],
        specs["decoder"],
        specs["bottleneck"],
        model.code_shape,
        normalised_losses(training),
        source=origin.address if origin is not None and not origin.adapted else None,
        origin=origin,
        license=model.license,
        trained_by=trained_by,
    )
    recipe = Recipe(
        images.pinned_config(),
        name=name,
        seed=seed,
        threads=torch.get_num_threads(),
        engine=engine or EngineSection(),
        first_stage=first_stage_section(model.first_stage),
        autoencoder=section,
    )
    return with_plugins(recipe)


def recipe_of_gan(
    model: GAN | TransferResult,
    training: AdversarialTraining,
    evaluation: EvaluationSection | None,
    images: ImageSet,
    *,
    seed: int,
    name: str,
    engine: EngineSection | None = None,
) -> Recipe:
    """Every setting of a GAN's run, written out; of a transfer also the source's structure and digest."""
    transfer = data = None
    net, specs = (model.gan, model.composed) if isinstance(model, TransferResult) else (model, model.specs)
    if isinstance(model, TransferResult):
        origin = model.source.origin
        released = origin is not None and not origin.adapted
        transfer = TransferSection(
            origin.address if origin is not None and released else "autoencoder",
            tuple(model.strategies),
            model.report.source,
            source_structure(model.source),
            origin,
            model.source.license,
            None if released else _trained_by(model.source),
            {name: section_of(further) for name, further in model.further.items()},
        )
        data = None if model.composed_data.same_values(net.data) else model.composed_data
    recipe = Recipe(
        images.pinned_config(),
        name=name,
        seed=seed,
        threads=torch.get_num_threads(),
        engine=engine or EngineSection(),
        first_stage=first_stage_section(net.first_stage),
        transfer=transfer,
        gan=GanSection(
            specs["generator"],
            specs["discriminator"],
            specs["prior"],
            net.code_shape,
            normalised_losses(training),
            data,
        ),
        evaluation=evaluation,
    )
    return with_plugins(recipe)


def _trained_by(model: Autoencoder) -> Recipe | None:
    """The recipe of the run that trained these very weights, if zoo did."""
    known = model.trained_by
    if known is None or known.sha256 != digest(model):
        return None
    return recipe_from_plain(known.recipe, "the recipe of the autoencoder")


def normalised_losses(training: Training) -> Training:
    """Training settings with the losses by full id, every setting of theirs written out."""
    losses: dict[str, Any] = {"objective": plugins.normalise("objective", as_part(training.objective))}
    if isinstance(training, AdversarialTraining) and training.regulariser != "none":
        losses["regulariser"] = plugins.normalise("regulariser", as_part(training.regulariser))
    return replace(training, **losses)
