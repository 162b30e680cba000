"""A run's recipe against its checkpoint, and a new run that goes on from another one's checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.errors import ConfigError
from zoo.networks.compose import as_part
from zoo.training import checkpoint, loop
from zoo.training.changes import changes, overridden, told
from zoo.training.rebuild import data_section, images_of, rebuild
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining, EngineSection, ParentSection, Recipe
from zoo.training.record import Record

__all__ = ["KEPT_FILES", "fork", "moved_to", "unchanged"]

KEPT_FILES = ("source.safetensors", "report.json")
"""What a transfer's run keeps besides the record; a run that continues it keeps the same."""

_MOVABLE = ("device", "accumulate", "when_full")
"""What a run may be resumed with anew: where and in how many parts it is computed."""


def unchanged(record: Record, path: Path) -> Recipe:
    """The run's recipe. Raises ConfigError, with the keys, when it is not the one that checkpoint `path` was made
    under; where and in how many parts it is computed may differ."""
    recipe = record.recipe()
    _, _, facts = checkpoint.facts_of(path)
    if "recipe" not in facts:
        raise checkpoint.unusable(path, "does not say its recipe")
    movable = {f"engine.{key}" for key in _MOVABLE}
    then = from_plain(Recipe, facts["recipe"], f"the recipe in {path}")
    found = [change for change in changes(then, recipe) if change.key not in movable]
    if found:
        words = " ".join(f"--override {change.key}={change.new}" for change in found if change.new is not None)
        raise ConfigError(
            f"{record.folder}/recipe.toml was changed since the run began: {told(found)}",
            f"Put it back; or begin a new run from here: zoo resume {record.folder} {words} --out NEW",
        )
    return recipe


def moved_to(recipe: Recipe, engine: Mapping[str, Any]) -> Recipe:
    """The recipe computed elsewhere or in other parts. Raises ConfigError for a setting that would round otherwise."""
    for key in engine:
        if key not in _MOVABLE:
            raise ConfigError(
                f"engine.{key} decides how a run rounds, which resuming does not change",
                f"Go on with it in a new run: --override engine.{key}={engine[key]} --out NEW",
            )
    return replace(recipe, engine=from_plain(EngineSection, to_plain(recipe.engine) | dict(engine), "engine"))


def fork(record: Record, settings: Mapping[str, Any], out: Record) -> Recipe:
    """Begin a run in `out` that goes on from `record`'s last checkpoint with other `settings`; returns its recipe.

    Weights, moving average and optimisers go on. So do the random streams and the order of the data, unless the seed
    or the images are other ones: then they begin anew. Raises ConfigError for a setting that is unknown or does not fit
    the checkpoint, and when there is nothing left to show.
    """
    path = checkpoint.latest(record.checkpoints)
    parent = unchanged(record, path)
    shown, digest, _ = checkpoint.facts_of(path)
    recipe = _normalised(overridden(parent, settings))
    if recipe.evaluation is not None:
        plugins.find("metric", recipe.evaluation.metric)  # else the new run is there before this is found out
    training = _training(recipe)
    if shown >= training.images:
        raise ConfigError(
            f"{record.folder} has shown {shown:,} images already, and the new run is to show {training.images:,}",
            f"Say how many in all: --override images={2 * shown}",
        )
    images = images_of(recipe)
    section = ParentSection(str(record.folder.resolve()), shown, digest, dict(settings))
    recipe = replace(recipe, data=data_section(images), parent=section)
    trainee = rebuild(recipe, images)
    batches = Batches(images.train, training.batch, trainee.streams["data"])
    watch = loop.watch_over(trainee, training.images)
    try:
        if recipe.seed == parent.seed and recipe.data == parent.data:
            loop.restore(trainee, batches, watch, path)
        else:
            loop.restore_learnt(trainee, shown, checkpoint.load(path)[1])
    except (RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"the checkpoint of {record.folder} does not fit {', '.join(settings)}: {str(error).splitlines()[0]}",
            "That setting decides which tensors there are: start a new run for it.",
        ) from error
    tensors, facts = loop.state(trainee, batches, watch)
    out.begin(recipe)  # first of all: it refuses a folder that holds a run, whose files these would replace
    for name in KEPT_FILES:
        if (record.folder / name).exists():
            out.keep(name, (record.folder / name).read_bytes())
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
