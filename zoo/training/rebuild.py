"""A run's model from its recipe, and a new run from another one's checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor

from zoo import plugins
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.encoding.codes import samples_of
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.compose import build_autoencoder, build_gan
from zoo.networks.gan import GAN
from zoo.networks.pretrained import values_follow
from zoo.training import checkpoint
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.devices import Engine
from zoo.training.gan import GANTrainer
from zoo.training.recipe import (
    AutoencoderSection,
    EngineSection,
    GanSection,
    ParentSection,
    Recipe,
    TransferSection,
    recipe_from_plain,
)
from zoo.training.recipe_diff import changes, format_changes, overridden
from zoo.training.recipe_of import normalised_losses
from zoo.training.recipe_parts import migrated, with_plugins
from zoo.training.run_dir import REPORT, RunDirectory
from zoo.training.sources import FIRST_STAGE, first_stage_of, further_on, source_file, structure_on
from zoo.training.trainer import monitor_for, restore, restore_model, tensors_of, training_state
from zoo.transfers.plan import TransferPlan
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartLike, PartSpec, as_code_shape, as_part

__all__ = [
    "build_networks",
    "check_unchanged",
    "fork",
    "images_of",
    "rebuild",
    "with_engine",
]

Value = TypeVar("Value")


def rebuild(
    recipe: Recipe, samples: ImageSet, first_stage: FirstStage | None = None
) -> AutoencoderTrainer | GANTrainer:
    """What a run's recipe trains, with values still to come from a checkpoint. The transfer's source is not opened."""
    recipe, engine = migrated(recipe), Engine(recipe.engine)
    with values_follow():
        if recipe.autoencoder is not None:
            model = _autoencoder_of(recipe.autoencoder, samples.spec)
            model.first_stage = first_stage
            return AutoencoderTrainer(model, samples, recipe.autoencoder.training, recipe.seed, engine)
        section = _required(recipe.gan)
        plan = _plan_of(section, recipe.transfer, samples.spec, first_stage)
        return GANTrainer(plan, samples, section.training, recipe.seed, engine)


def build_networks(
    recipe: Recipe, tensors: Mapping[str, Tensor], first_stage: FirstStage | None = None
) -> Autoencoder | GAN:
    """A run's autoencoder, or its GAN with the averaged generator, with the values of a checkpoint's tensors; in eval
    mode, on the CPU. Neither the images nor the transfer's source are opened."""
    recipe = migrated(recipe)
    if recipe.autoencoder is not None:
        with values_follow():
            model = _autoencoder_of(recipe.autoencoder, recipe.samples)
        model.first_stage = first_stage
        model.load_state_dict(tensors_of(tensors, "modules.autoencoder."), strict=True)
        return model.eval()
    with values_follow():
        gan = _plan_of(_required(recipe.gan), recipe.transfer, recipe.samples, first_stage).gan
    averaged = gan.with_part("generator", copy.deepcopy(gan.generator))
    for role, module in averaged.parts.items():
        name = "ema" if role == "generator" else role
        module.load_state_dict(tensors_of(tensors, f"modules.{name}."), strict=True)
    return averaged.eval()


def images_of(data: DataConfig) -> ImageSet:
    """The images of a run. Raises ConfigError if they are no longer those that it began with."""
    images = open_data(data, like=data.spec)
    if data.sha256 not in (None, images.sha256):
        raise ConfigError(
            f"the images of {data.source} are not those that this run began with: "
            f"data.sha256 {str(data.sha256)[:12]} -> {images.sha256[:12]}, now {len(images):,} images",
            "Put them back, or the version of Pillow that prepared them; "
            f"or go on with these in a new run: zoo resume RUN --override data.source={data.source} --out NEW",
        )
    return images


def _autoencoder_of(section: AutoencoderSection, data: DataSpec) -> Autoencoder:
    specs = {
        "encoder": as_part(section.encoder),
        "bottleneck": _required_part(section.bottleneck),
        "decoder": _required_part(section.decoder),
    }
    if section.code_shape is None:
        raise _incomplete()
    return build_autoencoder(specs, data, as_code_shape(section.code_shape))


def _plan_of(
    section: GanSection, transfer: TransferSection | None, data: DataSpec, first_stage: FirstStage | None
) -> TransferPlan:
    """The GAN as its transfer changed it, with the transfer's losses and schedules; no value is applied."""
    specs = {
        "generator": _required_part(section.generator),
        "discriminator": _required_part(section.discriminator),
        "prior": as_part(section.prior),
    }
    if section.code_shape is None:
        raise _incomplete()
    gan = build_gan(specs, section.data or data, as_code_shape(section.code_shape))
    gan.first_stage = first_stage
    if transfer is None:
        return TransferPlan(gan)
    source = structure_on(_required(transfer.structure), "meta")
    source.first_stage = first_stage
    return plan(source, gan, resolve_strategies(transfer.strategies), further_on(transfer, "meta"))


def _required_part(part: PartLike | None) -> PartSpec:
    return as_part(_required(None) if part is None else part)


def _required(value: Value | None) -> Value:
    if value is None:
        raise _incomplete()
    return value


def _incomplete() -> ConfigError:
    return ConfigError(
        "this recipe is not a run's: a setting is missing", "Give the folder of a run, or zoo train RECIPE."
    )


_MOVABLE = ("device", "accumulate", "when_full")
"""What may differ when a run is resumed: where and in how many parts it is computed."""


def check_unchanged(run_dir: RunDirectory, recipe: Recipe, state: checkpoint.State) -> None:
    """Raises ConfigError, with the keys, if the run's recipe is not the one that a checkpoint of this `state` was made
    with; where and in how many parts it is computed may differ."""
    if state.recipe == to_plain(recipe):
        return
    movable = {f"engine.{key}" for key in _MOVABLE}
    then = recipe_from_plain(state.recipe, f"the recipe in the checkpoint of {state.shown:,} images")
    changed = [change for change in changes(then, recipe) if change.key not in movable]
    if changed:
        options = " ".join(f"--override {change.key}={change.new}" for change in changed if change.new is not None)
        raise ConfigError(
            f"{run_dir.folder}/recipe.toml was changed since the run began: {format_changes(changed)}",
            f"Put it back; or begin a new run from here: zoo resume {run_dir.folder} {options} --out NEW",
        )


def with_engine(recipe: Recipe, engine: Mapping[str, Any]) -> Recipe:
    """The recipe with other settings of the engine. Raises ConfigError for one that affects numerical results."""
    for key in engine:
        if key not in _MOVABLE:
            raise ConfigError(
                f"engine.{key} affects numerical results and cannot change on resume",
                f"Go on with it in a new run: --override engine.{key}={engine[key]} --out NEW",
            )
    return replace(recipe, engine=from_plain(EngineSection, to_plain(recipe.engine) | dict(engine), "engine"))


def fork(run_dir: RunDirectory, settings: Mapping[str, Any], out: RunDirectory) -> Recipe:
    """Begin a run in `out` from `run_dir`'s last checkpoint with other `settings`; returns its recipe.

    Weights, moving average and optimisers go on. So do the random streams and the order of the data, unless the seed
    or the images are other ones: then they begin anew. Raises ConfigError for a setting that is unknown or does not fit
    the checkpoint, and when there is nothing left to show.
    """
    saved, damaged = checkpoint.latest_whole(run_dir.checkpoints)
    shown, parent = saved.shown, run_dir.recipe()
    check_unchanged(run_dir, parent, saved.state)
    parent = migrated(parent)
    recipe = _normalise_losses(overridden(parent, settings))
    if recipe.evaluation is not None:
        plugins.find_component("metric", recipe.evaluation.metric)  # else the new run is there before this is found out
    training = recipe.training
    if shown >= training.images:
        raise ConfigError(
            f"{run_dir.folder} has shown {shown:,} images already, and the new run is to show {training.images:,}",
            f"Say how many in all: --override images={2 * shown}",
        )
    images = images_of(recipe.data)
    section = ParentSection(str(run_dir.folder.resolve()), shown, saved.state.tensors, dict(settings))
    recipe = with_plugins(replace(recipe, data=images.pinned_config(), parent=section))
    first_stage = first_stage_of(recipe, run_dir.folder)
    samples = samples_of(images, first_stage)
    trainer = rebuild(recipe, samples, first_stage)
    batches = Batches(trainer.rows, training.batch, trainer.streams["data"])
    watch = monitor_for(trainer, training.images)
    try:
        if recipe.seed == parent.seed and recipe.data == parent.data:
            restore(trainer, batches, watch, saved)
        else:
            restore_model(trainer, shown, saved.tensors)
    except (RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"the checkpoint of {run_dir.folder} does not fit {', '.join(settings)}: {str(error).splitlines()[0]}",
            "That setting decides which tensors there are: start a new run for it.",
        ) from error
    tensors, progress = training_state(trainer, batches, watch)
    out.begin(recipe)  # first of all: it refuses a folder that holds a run, whose files these would replace
    further = recipe.transfer.further if recipe.transfer is not None else ()
    for name in (REPORT, FIRST_STAGE, *map(source_file, ("", *further))):  # of a transfer; the new run gets copies
        if (run_dir.folder / name).exists():
            out.keep(name, (run_dir.folder / name).read_bytes())
    out.write_damaged(damaged, shown, training.images)
    checkpoint.save(out.checkpoints, shown, tensors, progress, to_plain(recipe))
    return recipe


def _normalise_losses(recipe: Recipe) -> Recipe:
    """The recipe with the losses that an override may have named by short name written out, as in a run's recipe."""
    if recipe.autoencoder is not None:
        section = recipe.autoencoder
        return replace(recipe, autoencoder=replace(section, training=normalised_losses(section.training)))
    assert recipe.gan is not None, "a run trains an autoencoder or a GAN"
    return replace(recipe, gan=replace(recipe.gan, training=normalised_losses(recipe.gan.training)))
