"""Why a run's recipe cannot be run again (torch-free)."""

from __future__ import annotations

from zoo.data.config import public_source
from zoo.errors import ConfigError
from zoo.training.recipe import Recipe

__all__ = ["obstacle", "require_again"]


def obstacle(recipe: Recipe) -> str:
    """Why running the recipe again would not repeat it, as a clause; empty if nothing is known to be missing."""
    if recipe.parent is not None:
        return f"its run went on from another one, {public_source(recipe.parent.run)}, with other settings"
    own, transfer, first = recipe.autoencoder, recipe.transfer, recipe.first_stage
    if first is not None and first.source is None:
        return "its first stage was brought in memory: no release says where its weights come from"
    if own is not None and own.trained_by is not None:
        return obstacle(own.trained_by)
    if own is not None and own.origin is not None and own.source is None:
        return "the weights that its autoencoder began with were changed in memory, and no recipe says how"
    if own is None and transfer is not None and transfer.source == "autoencoder":
        if transfer.trained_by is not None:
            return obstacle(transfer.trained_by)
        return "its autoencoder was brought in memory: neither a release nor a recipe says where its weights come from"
    for name, further in transfer.further.items() if transfer is not None else ():
        if further.source is None and further.encoder is None:
            return f"its further source {name} was brought in memory: no release says where its weights come from"
    return ""


def require_again(recipe: Recipe) -> None:
    """Raises ConfigError if the recipe has an obstacle."""
    if reason := obstacle(recipe):
        raise ConfigError(
            f"this recipe cannot be run again: {reason}",
            "Give it an [autoencoder] table, or transfer.source (transfer.further.NAME.source) a release's name, and "
            "take out a [parent] table; or go on from a run: zoo resume RUN --override KEY=VALUE --out NEW",
        )
