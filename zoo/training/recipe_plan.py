"""What a recipe's GAN would begin with, known from structure alone, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoo.config import from_plain, to_plain
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.encoding.codes import samples_of
from zoo.errors import ConfigError
from zoo.metrics.evaluate import feature_space, require_kind
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.gan import GAN
from zoo.training.again import require_again
from zoo.training.devices import Engine
from zoo.training.open_sources import further_sources
from zoo.training.recipe import AdversarialTraining, Recipe
from zoo.training.recipe_models import (
    compose_autoencoder,
    compose_gan,
    named_first_stage,
    named_source,
    open_first_stage,
    pretrained,
)
from zoo.training.recipe_parts import migrated
from zoo.training.rehearsal import check_names
from zoo.training.task import losses_of, with_requests
from zoo.training.watchers import joined
from zoo.transfers.apply import explain, outline
from zoo.transfers.parse import is_auto
from zoo.transfers.plan import FurtherSource, TransferPlan
from zoo.transfers.report import Report
from zoo.types import DataSpec, Watcher

__all__ = ["check_gan", "explain_recipe", "first_recipe", "own_recipe", "recipe_images", "settings_of_user"]


def explain_recipe(recipe: Recipe) -> Report:
    """What a recipe's transfer would move, from structure alone; with `auto` from the source's values on the images
    too, which are encoded if the source is an autoencoder of codes. Raises ConfigError when it has no transfer."""
    require_again(recipe)
    recipe = migrated(recipe)
    if recipe.transfer is None or recipe.gan is None:
        raise ConfigError("the recipe transfers nothing", "Give it a [transfer] table.")
    check_names(recipe)
    first = first_recipe(recipe) if recipe.transfer.source == "autoencoder" else None
    if first is not None:
        return _explain(recipe, _untrained(first), None)
    source = named_source(recipe.transfer)
    if not is_auto(recipe.transfer.strategies):
        return _explain(recipe, source, None)
    images, first_stage = recipe_images(recipe, source, ())
    report = _explain(recipe, source, samples_of(images, first_stage))
    return replace(report, notes=(*report.notes, *images.notes))


def check_gan(recipe: Recipe, source: Autoencoder, data: DataSpec) -> None:
    """Refuse whatever of a recipe's GAN cannot be trained, before its autoencoder is: `source`, whose values are still
    to come, learns `data`. Raises ConfigError, TransferError, CompositionError, DataError for a metric of other data,
    or what opening a source raises."""
    section, transfer = recipe.gan, recipe.transfer
    assert section is not None
    if transfer is None:
        planned = TransferPlan(compose_gan(section, data, None, recipe.seed, "meta", source.first_stage))
    else:
        begins_with = source if transfer.source == "autoencoder" else named_source(transfer)
        composed, further = _composed(recipe, begins_with)
        planned = outline(begins_with, composed, transfer.strategies, further)
    training = from_plain(AdversarialTraining, with_requests(settings_of_user(section.training), planned), "training")
    Engine(recipe.engine).micro_batches(training.batch)
    losses_of(planned, training)
    if recipe.evaluation is not None:
        require_kind(feature_space(recipe.evaluation.metric), planned.gan.output)


def settings_of_user(training: AdversarialTraining) -> dict[str, Any]:
    """The settings that differ from the defaults: a strategy may set the others."""
    defaults = to_plain(AdversarialTraining())
    return {key: value for key, value in to_plain(training).items() if value != defaults.get(key)}


def recipe_images(
    recipe: Recipe, source: Autoencoder | GAN | None, watch: Sequence[Watcher]
) -> tuple[ImageSet, FirstStage | None]:
    """The recipe's images, and the first stage whose codes the source has, or that the recipe names, if any. From a GAN
    of codes on, the images are learnt themselves."""
    if isinstance(source, GAN) and source.first_stage is not None:
        return open_data(recipe.data, source.first_stage.autoencoder.data), None
    if source is not None and source.first_stage is not None:
        return open_data(recipe.data, source.output), source.first_stage
    if recipe.first_stage is not None:
        return named_first_stage(recipe.first_stage, recipe.data, joined(watch))
    return open_data(recipe.data, source.data if source is not None else None), None


def _untrained(own: Recipe) -> Autoencoder:
    """The autoencoder that `own` trains: that of a release, or one on the meta device."""
    assert own.autoencoder is not None
    known = pretrained(own.autoencoder)
    if known is not None:
        return known
    first_stage = None if own.first_stage is None else open_first_stage(own.first_stage, own.data)[1]
    spec = open_data(own.data).spec if first_stage is None else first_stage.codes
    return compose_autoencoder(own.autoencoder, spec, own.seed, "meta", first_stage)


def _explain(recipe: Recipe, source: Autoencoder | GAN, samples: ImageSet | None) -> Report:
    assert recipe.transfer is not None
    composed, further = _composed(recipe, source)
    origin = source.origin.name if source.origin else ""
    return explain(source, composed, recipe.transfer.strategies, origin, further=further, data=samples)


def _composed(recipe: Recipe, source: Autoencoder | GAN) -> tuple[GAN | None, Mapping[str, FurtherSource]]:
    """The GAN of a transfer as it is composed before, on the meta device, and the further sources; a GAN that training
    goes on from is not composed."""
    assert recipe.gan is not None
    assert recipe.transfer is not None
    data, first_stage = _learnt(recipe, source)
    composed = None
    if isinstance(source, Autoencoder):
        composed = compose_gan(recipe.gan, data, source, recipe.seed, "meta", first_stage)
    return composed, further_sources(recipe.transfer, data, recipe.seed, "meta")


def _learnt(recipe: Recipe, source: Autoencoder | GAN) -> tuple[DataSpec, FirstStage | None]:
    """What the GAN of a transfer learns, and the first stage of these codes, if they are some; nothing is encoded."""
    if isinstance(source, GAN) and source.first_stage is not None:
        return source.first_stage.autoencoder.data, None
    if source.first_stage is None and recipe.first_stage is not None:
        first_stage = open_first_stage(recipe.first_stage, recipe.data)[1]
        return first_stage.codes, first_stage
    if source.first_stage is None and recipe.data.shape is not None:
        return replace(source.data, shape=recipe.data.shape), None
    return source.data, source.first_stage


def first_recipe(recipe: Recipe) -> Recipe | None:
    """The recipe that trains the autoencoder: this one, or that of the earlier run which its transfer holds."""
    transfer = recipe.transfer
    if recipe.autoencoder is not None:
        return recipe
    if transfer is None or transfer.source != "autoencoder" or transfer.trained_by is None:
        return None
    return own_recipe(recipe, transfer.trained_by)


def own_recipe(recipe: Recipe, earlier: Recipe) -> Recipe:
    """The recipe of an earlier run, to be run on the device of this one."""
    return migrated(replace(earlier, engine=replace(earlier.engine, device=recipe.engine.device)))
