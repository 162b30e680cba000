"""The components of a run's recipe: which plugins they come from, and those of older versions as those of today
(torch-free)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from zoo import plugins
from zoo.errors import ConfigError, PluginError, UnknownName
from zoo.training.recipe import Recipe
from zoo.types import PartSpec, as_part

__all__ = ["migrated", "with_plugins"]

Section = TypeVar("Section")
Change = Callable[[str, PartSpec], PartSpec]

_KINDS = {
    "encoder": "encoder",
    "generator": "generator",
    "decoder": "generator",
    "bottleneck": "bottleneck",
    "discriminator": "discriminator",
    "prior": "prior",
    "objective": "objective",
    "regulariser": "regulariser",
    "strategy": "transfer",
}
"""The fields of a recipe's sections that hold components, and the kind of each."""


def with_plugins(recipe: Recipe) -> Recipe:
    """A run's recipe with the plugin of each of its components, `name==version`, as the installed ones are."""
    used: dict[str, str] = {}

    def note(kind: str, part: PartSpec) -> PartSpec:
        plugin = plugins.find_component(kind, part.component).plugin
        used[plugin.name] = plugin.recorded
        return part

    _changed(recipe, note)
    return replace(recipe, plugins=used)


def migrated(recipe: Recipe) -> Recipe:
    """A run's recipe with ids and settings of today, if it was written with other versions of plugins; any other as it
    is. Raises UnknownName, ConfigError or PluginError with both versions."""
    recorded = recipe.plugins or {}
    if not any(plugins.differs(one) for one in recorded.values()):
        return recipe

    def change(kind: str, part: PartSpec) -> PartSpec:
        one = recorded.get(part.component.partition("/")[0], "")
        if not one or not plugins.differs(one):
            return part
        try:
            return plugins.current(kind, part, one)
        except (UnknownName, ConfigError, PluginError) as error:
            problem = f"{error.message} (the recipe was {plugins.made_with(one)})"
            raise type(error)(problem, plugins.install_hint(one) or error.hint) from error

    return with_plugins(_changed(recipe, change))


def _changed(section: Section, change: Change) -> Section:
    """The section with `change` applied to every component in it; recipes of earlier runs stay as they are."""
    values: dict[str, Any] = {}
    for item in fields(section):  # type: ignore[arg-type]
        value = getattr(section, item.name)
        if item.name in _KINDS and item.name != "strategy" and _is_part(value):
            values[item.name] = _part(_KINDS[item.name], value, change)
        elif item.name == "strategy":
            values[item.name] = tuple(_part("transfer", part, change) for part in value)
        elif is_dataclass(value) and not isinstance(value, (Recipe, PartSpec)):
            values[item.name] = _changed(value, change)
        elif isinstance(value, dict):
            values[item.name] = {k: _changed(one, change) if is_dataclass(one) else one for k, one in value.items()}
    return replace(section, **values)  # type: ignore[type-var]


def _is_part(value: object) -> bool:
    return isinstance(value, (PartSpec, Mapping)) or (isinstance(value, str) and value != "none")


def _part(kind: str, value: Any, change: Change) -> PartSpec:
    part = as_part(value)
    return change(plugins.discriminator_kind(part.component) if kind == "discriminator" else kind, part)
