"""What differs between two recipes, key by key, and a recipe with some keys set anew (torch-free)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.config import from_plain, to_plain
from zoo.errors import ConfigError, near
from zoo.training.recipe import Recipe

__all__ = ["Change", "changes", "differences", "flat", "format_changes", "overridden", "short_value"]

_MOST_LISTED = 6
_DERIVED = (
    "transfer.structure.",
    "transfer.origin.",
    "transfer.trained_by.",
    "transfer.sha256",
    "transfer.data.",
    "transfer.fetched.",
    "autoencoder.trained_by.",
    "data.sha256",
    "parent.",
    "name",
)
"""Keys whose values follow from others."""


@dataclass(frozen=True, slots=True)
class Change:
    """A key such as `gan.training.images` with its old and new value; None if there is none."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key} {short_value(self.old)} -> {short_value(self.new)}"


def changes(old: Recipe, new: Recipe) -> tuple[Change, ...]:
    """The keys in which `new` differs from `old`, in the order of the file."""
    before, after = flat(old), flat(new)
    keys = dict.fromkeys((*before, *after))
    return tuple(Change(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))


def differences(recipes: Sequence[Recipe | None]) -> list[tuple[str, tuple[Any, ...]]]:
    """The settings that are not the same in all recipes, with the value in each; not what follows from others."""
    settings = [flat(recipe) if recipe else {} for recipe in recipes]
    keys = dict.fromkeys(key for values in settings for key in values if not _is_derived(key))
    rows = [(key, tuple(values.get(key) for values in settings)) for key in keys]
    return [(key, values) for key, values in rows if any(value != values[0] for value in values)]


def _is_derived(key: str) -> bool:
    return re.sub(r"^transfer\.further\.[^.]+\.", "transfer.", key).startswith(_DERIVED)


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every setting by its dotted key; versions of plugins are none."""
    return {key: value for key, value in _flat(to_plain(recipe)).items() if "plugins" not in key.split(".")}


def format_changes(listed: Iterable[Change]) -> str:
    """The changes in one line."""
    lines = [str(change) for change in listed]
    more = f"; {len(lines) - _MOST_LISTED} more" if len(lines) > _MOST_LISTED else ""
    return "; ".join(lines[:_MOST_LISTED]) + more


def overridden(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """A run's recipe with other training settings, evaluation, images, seed, threads or name.

    Keys are dotted (`gan.training.images`); one without a dot is a training setting of the run's model. Raises
    ConfigError for a key that is unknown or that decides which tensors the checkpoint has.
    """
    section = "autoencoder" if recipe.autoencoder is not None else "gan"
    plain = to_plain(recipe)
    for given, value in settings.items():
        *path, last = _path(given, section, plain[section]["training"])
        table = plain
        for key in path:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--override {given}: {key} is a value, not a table of settings")
        table[last] = value
    if any(key.startswith("data.") for key in settings):
        plain["data"].pop("sha256", None)
    return from_plain(Recipe, plain, "--override")


def _path(given: str, section: str, training: Mapping[str, Any]) -> list[str]:
    keys = given.split(".")
    if keys[0] in ("seed", "threads", "name") and len(keys) == 1:
        return keys
    if keys[0] in training:
        return [section, "training", *keys]
    if keys[:2] == [section, "training"] and len(keys) > 2 and keys[2] in training:
        return keys
    if len(keys) == 2 and (keys[0] in ("evaluation", "engine") or (keys[0] == "data" and keys[1] in _OF_DATA)):
        return keys
    known = [*training, "seed", "threads", "name", "evaluation.metric", *(f"data.{key}" for key in _OF_DATA)]
    if keys[0] in ("autoencoder", "gan", "transfer", "data") and keys[:2] != [section, "training"]:
        raise ConfigError(
            f"--override {given}: it decides which tensors the checkpoint has, which cannot change",
            f"Start a new run for that. {near(given, known)}",
        )
    raise ConfigError(f"--override {given}: a run has no such setting", near(keys[-1], known))


_OF_DATA = ("source", "prepare", "limit", "strict", "stream")


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        prefix = f"{key}." if key else ""
        return {k: v for name, item in value.items() for k, v in _flat(item, f"{prefix}{name}").items()}
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return _flat({str(i): item for i, item in enumerate(value)}, key)
    return {key: value}


def short_value(value: Any) -> str:
    """A setting's value in at most 40 characters."""
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}...{text[-12:]}" if " " not in text else f"{text[:37]}..."
