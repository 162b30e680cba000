"""A rehearsal of a recipe: all that running it does before an image is opened."""

from __future__ import annotations

from pathlib import Path

from zoo import plugins
from zoo.errors import ReleaseError, ZooError
from zoo.losses.augmentation import parse as parse_augmentation
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.release.folder import read_pinned
from zoo.release.manifest import Manifest
from zoo.training.again import obstacle, require_again
from zoo.training.autoencoder import check_objective
from zoo.training.open_sources import further_sources
from zoo.training.recipe import Recipe, parse_recipe
from zoo.training.recipe_models import compose_autoencoder, compose_gan, named_source, pretrained
from zoo.training.recipe_of import normalised_losses
from zoo.training.recipe_parts import migrated
from zoo.transfers.apply import explain
from zoo.transfers.strategies import check_strategy

__all__ = ["check_names", "rehearse", "rehearse_release"]


def rehearse(recipe: Recipe) -> None:
    """Do all that running a run's recipe does before images are opened: find its components and its source, compose
    its networks and plan its transfer, on the meta device. Raises ConfigError, PluginError, TransferError or what
    opening the source raises."""
    require_again(recipe)
    recipe = migrated(recipe)
    check_names(recipe)
    source = _source(recipe)
    if recipe.autoencoder is not None and isinstance(source, Autoencoder):
        check_objective(source, recipe.autoencoder.training)
    if recipe.gan is None:
        return
    composed = None
    if not isinstance(source, GAN):
        composed = compose_gan(recipe.gan, recipe.samples, source, recipe.seed, "meta")
    if source is not None and recipe.transfer is not None:
        further = further_sources(recipe.transfer, recipe.samples, recipe.seed, "meta")
        explain(source, composed, recipe.transfer.strategies, further=further)


def rehearse_release(folder: Path, manifest: Manifest) -> str:
    """Rehearse a release's recipe. Returns why it cannot be run again, if the recipe itself says so, or else an empty
    text. Raises ReleaseError if it should run and does not."""
    if manifest.recipe is None:
        return ""
    name = manifest.recipe.file
    data = read_pinned(folder, name, manifest.files[name])
    try:
        recipe = parse_recipe(data, name)
        reason = obstacle(recipe)
        if not reason:
            rehearse(recipe)
    except ZooError as error:
        raise ReleaseError(f"{folder / name} cannot be run again: {error.message}", error.hint) from error
    return reason


def check_names(recipe: Recipe) -> None:
    """Raises UnknownName or ConfigError for a strategy, a loss, an augmentation or a metric that does not exist, or a
    wrong setting of a loss."""
    if recipe.autoencoder is not None:
        normalised_losses(recipe.autoencoder.training)
    if recipe.gan is not None:
        normalised_losses(recipe.gan.training)
        parse_augmentation(recipe.gan.training.augment, "image" if recipe.first_stage is None else "code")
    if recipe.transfer is not None:
        check_strategy(recipe.transfer.strategies, recipe.transfer.further)
    if recipe.evaluation is not None:
        plugins.find_component("metric", recipe.evaluation.metric)


def _source(recipe: Recipe) -> Autoencoder | GAN | None:
    """What the recipe transfers from, or the autoencoder that it trains; on the meta device if it is to be trained."""
    section, transfer = recipe.autoencoder, recipe.transfer
    if section is not None:
        if section.trained_by is not None:
            return _trained_before(section.trained_by)
        return pretrained(section) or compose_autoencoder(section, recipe.samples, recipe.seed, "meta")
    if transfer is None:
        return None
    if transfer.trained_by is not None and transfer.source == "autoencoder":
        return _trained_before(transfer.trained_by)
    return named_source(transfer)


def _trained_before(recipe: Recipe) -> Autoencoder | GAN | None:
    recipe = migrated(recipe)
    check_names(recipe)
    return _source(recipe)
