"""Whether a run's recipe can be run again: why not, and a rehearsal that trains nothing."""

from __future__ import annotations

from zoo import plugins
from zoo.data.config import public_source
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.training.recipe import Recipe
from zoo.training.recipe_models import compose_autoencoder, compose_gan, named_source, pretrained
from zoo.training.recipe_parts import migrated
from zoo.transfers.apply import explain
from zoo.transfers.strategies import check_strategy

__all__ = ["check_names", "obstacle", "rehearse", "require_again"]


def obstacle(recipe: Recipe) -> str:
    """Why running the recipe again would not repeat it, as a clause; empty if nothing is known to be missing."""
    if recipe.parent is not None:
        return f"its run went on from another one, {public_source(recipe.parent.run)}, with other settings"
    own, transfer = recipe.autoencoder, recipe.transfer
    if own is not None and own.trained_by is not None:
        return obstacle(own.trained_by)
    if own is not None and own.origin is not None and own.source is None:
        return "the weights that its autoencoder began with were changed in memory, and no recipe says how"
    if own is None and transfer is not None and transfer.source == "autoencoder":
        if transfer.trained_by is not None:
            return obstacle(transfer.trained_by)
        return "its autoencoder was brought in memory: neither a release nor a recipe says where its weights come from"
    return ""


def require_again(recipe: Recipe) -> None:
    """Raises ConfigError if the recipe has an obstacle."""
    if reason := obstacle(recipe):
        raise ConfigError(
            f"this recipe cannot be run again: {reason}",
            "Take its [parent] table out; or go on from that run: zoo resume RUN --override KEY=VALUE --out NEW"
            if "its run went on" in reason
            else "Give it an [autoencoder] table, or transfer.source a release's name.",
        )


def rehearse(recipe: Recipe) -> None:
    """Do all that running a run's recipe does before images are opened: find its components and its source, compose
    its networks and plan its transfer, on the meta device. Raises ConfigError, PluginError, TransferError or what
    opening the source raises."""
    require_again(recipe)
    recipe = migrated(recipe)
    check_names(recipe)
    source = _autoencoder(recipe)
    if recipe.gan is None:
        return
    composed = compose_gan(recipe.gan, recipe.data.spec, source, recipe.seed, "meta")
    if source is not None and recipe.transfer is not None:
        explain(source, composed, recipe.transfer.strategies)


def check_names(recipe: Recipe) -> None:
    """Raises UnknownName or ConfigError for a strategy or a metric that does not exist."""
    if recipe.transfer is not None:
        check_strategy(recipe.transfer.strategies)
    if recipe.evaluation is not None:
        plugins.find_component("metric", recipe.evaluation.metric)


def _autoencoder(recipe: Recipe) -> Autoencoder | None:
    """The autoencoder that the recipe trains or transfers from; on the meta device if it is to be trained."""
    section, transfer = recipe.autoencoder, recipe.transfer
    if section is not None:
        if section.trained_by is not None:
            return _autoencoder(migrated(section.trained_by))
        return pretrained(section) or compose_autoencoder(section, recipe.data.spec, recipe.seed, "meta")
    if transfer is None:
        return None
    if transfer.trained_by is not None and transfer.source == "autoencoder":
        return _autoencoder(migrated(transfer.trained_by))
    return named_source(transfer)
