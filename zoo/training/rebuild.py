"""A run's recipe from its model, and its model from the recipe: the two directions side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from zoo import plugins
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.split import select
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part, build_autoencoder, build_gan
from zoo.networks.gan import GAN
from zoo.training import checkpoint
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.devices import Engine
from zoo.training.gan import GANTrainer
from zoo.training.recipe import (
    AdversarialTraining,
    AutoencoderSection,
    AutoencoderTraining,
    DataSection,
    EngineSection,
    EvaluationSection,
    GanSection,
    ParentSection,
    Recipe,
    SourceStructure,
    TransferSection,
    recipe_from_plain,
)
from zoo.training.recipe_diff import changes, overridden, told
from zoo.training.run_dir import RunDirectory
from zoo.training.trainer import monitor_for, restore, restore_model, training_state
from zoo.transfers.apply import TransferResult
from zoo.transfers.plan import TransferPlan
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartSpec

__all__ = [
    "KEPT_FILES",
    "data_section",
    "fork",
    "images_of",
    "rebuild",
    "recipe_of_autoencoder",
    "recipe_of_gan",
    "source_structure",
    "structure_on",
    "unchanged",
    "with_engine",
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
    training = replace(training, objective=plugins.normalise("objective", as_part(training.objective)))
    if training.regulariser != "none":
        training = replace(training, regulariser=plugins.normalise("regulariser", as_part(training.regulariser)))
    transfer = None
    specs, latent_dim = (
        (model.composed, model.gan.latent_dim) if isinstance(model, TransferResult) else (model.specs, model.latent_dim)
    )
    if isinstance(model, TransferResult):
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


def rebuild(recipe: Recipe, images: ImageSet) -> AutoencoderTrainer | GANTrainer:
    """What a run's recipe trains, with values still to come from a checkpoint. The transfer's source is not touched."""
    if recipe.autoencoder is not None:
        section = recipe.autoencoder
        model = build_autoencoder(_specs(section), images.spec, section.latent_dim)
        return AutoencoderTrainer(model, images, section.training, recipe.seed, Engine(recipe.engine))
    gan_section = _given(recipe.gan)
    specs = {
        "generator": _given_part(gan_section.generator),
        "discriminator": _given_part(gan_section.discriminator),
        "prior": as_part(gan_section.prior),
    }
    planned = TransferPlan(build_gan(specs, images.spec, _given(gan_section.latent_dim)))
    if recipe.transfer is not None:
        strategy = recipe.transfer.strategy
        source = structure_on(_given(recipe.transfer.structure), "meta")
        planned = plan(
            source, planned.gan, resolve_strategies(strategy if isinstance(strategy, str) else list(strategy))
        )
    return GANTrainer(planned, images, gan_section.training, recipe.seed, Engine(recipe.engine))


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


KEPT_FILES = ("source.safetensors", "report.json")
"""What a transfer's run keeps besides the record; a run that continues it keeps the same."""

_MOVABLE = ("device", "accumulate", "when_full")
"""What a run may be resumed with anew: where and in how many parts it is computed."""


def unchanged(run_dir: RunDirectory, path: Path) -> Recipe:
    """The run's recipe. Raises ConfigError, with the keys, when it is not the one that checkpoint `path` was made
    under; where and in how many parts it is computed may differ."""
    recipe = run_dir.recipe()
    _, _, facts = checkpoint.facts_of(path)
    if "recipe" not in facts:
        raise checkpoint.unusable(path, "does not say its recipe")
    movable = {f"engine.{key}" for key in _MOVABLE}
    then = recipe_from_plain(facts["recipe"], f"the recipe in {path}")
    found = [change for change in changes(then, recipe) if change.key not in movable]
    if found:
        words = " ".join(f"--override {change.key}={change.new}" for change in found if change.new is not None)
        raise ConfigError(
            f"{run_dir.folder}/recipe.toml was changed since the run began: {told(found)}",
            f"Put it back; or begin a new run from here: zoo resume {run_dir.folder} {words} --out NEW",
        )
    return recipe


def with_engine(recipe: Recipe, engine: Mapping[str, Any]) -> Recipe:
    """The recipe computed elsewhere or in other parts. Raises ConfigError for a setting that would round otherwise."""
    for key in engine:
        if key not in _MOVABLE:
            raise ConfigError(
                f"engine.{key} decides how a run rounds, which resuming does not change",
                f"Go on with it in a new run: --override engine.{key}={engine[key]} --out NEW",
            )
    return replace(recipe, engine=from_plain(EngineSection, to_plain(recipe.engine) | dict(engine), "engine"))


def fork(run_dir: RunDirectory, settings: Mapping[str, Any], out: RunDirectory) -> Recipe:
    """Begin a run in `out` that goes on from `record`'s last checkpoint with other `settings`; returns its recipe.

    Weights, moving average and optimisers go on. So do the random streams and the order of the data, unless the seed
    or the images are other ones: then they begin anew. Raises ConfigError for a setting that is unknown or does not fit
    the checkpoint, and when there is nothing left to show.
    """
    path = checkpoint.latest(run_dir.checkpoints)
    parent = unchanged(run_dir, path)
    shown, digest, _ = checkpoint.facts_of(path)
    recipe = _normalised(overridden(parent, settings))
    if recipe.evaluation is not None:
        plugins.find("metric", recipe.evaluation.metric)  # else the new run is there before this is found out
    training = _training(recipe)
    if shown >= training.images:
        raise ConfigError(
            f"{run_dir.folder} has shown {shown:,} images already, and the new run is to show {training.images:,}",
            f"Say how many in all: --override images={2 * shown}",
        )
    images = images_of(recipe)
    section = ParentSection(str(run_dir.folder.resolve()), shown, digest, dict(settings))
    recipe = replace(recipe, data=data_section(images), parent=section)
    trainer = rebuild(recipe, images)
    batches = Batches(images.train, training.batch, trainer.streams["data"])
    watch = monitor_for(trainer, training.images)
    try:
        if recipe.seed == parent.seed and recipe.data == parent.data:
            restore(trainer, batches, watch, path)
        else:
            restore_model(trainer, shown, checkpoint.load(path)[1])
    except (RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"the checkpoint of {run_dir.folder} does not fit {', '.join(settings)}: {str(error).splitlines()[0]}",
            "That setting decides which tensors there are: start a new run for it.",
        ) from error
    tensors, facts = training_state(trainer, batches, watch)
    out.begin(recipe)  # first of all: it refuses a folder that holds a run, whose files these would replace
    for name in KEPT_FILES:
        if (run_dir.folder / name).exists():
            out.keep(name, (run_dir.folder / name).read_bytes())
    checkpoint.save(out.checkpoints, shown, tensors, {**facts, "recipe": to_plain(recipe)})
    return recipe


def _normalised(recipe: Recipe) -> Recipe:
    """The parts that an override may have named by short name, written out as a run's recipe has them."""
    if recipe.autoencoder is not None:
        chosen = recipe.autoencoder.training
        chosen = replace(chosen, objective=plugins.normalise("objective", as_part(chosen.objective)))
        return replace(recipe, autoencoder=replace(recipe.autoencoder, training=chosen))
    assert recipe.gan is not None, "a run trains an autoencoder or a GAN"
    training = recipe.gan.training
    training = replace(training, objective=plugins.normalise("objective", as_part(training.objective)))
    if training.regulariser != "none":
        training = replace(training, regulariser=plugins.normalise("regulariser", as_part(training.regulariser)))
    return replace(recipe, gan=replace(recipe.gan, training=training))


def _training(recipe: Recipe) -> AutoencoderTraining | AdversarialTraining:
    section = recipe.autoencoder or recipe.gan
    assert section is not None, "a run trains an autoencoder or a GAN"
    return section.training
