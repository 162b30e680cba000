"""Settings: dataclasses checked against plain data, with errors that name the key, the type and a near match.

A component's config is a frozen dataclass. The same definition is what a manifest stores, what `zoo info
--component` prints and what command-line settings are checked against.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from zoo.errors import ConfigError, near

__all__ = ["Setting", "describe", "from_plain", "settings_of", "to_plain"]

T = TypeVar("T")

_WORDS = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "a text"}


def from_plain(cls: type[T], values: Mapping[str, Any], owner: str) -> T:
    """Build the dataclass `cls` from plain data. `owner` says whose settings they are, for the error.

    Raises ConfigError for an unknown key (with near matches), a missing one, a wrong type or a refused value.
    """
    _refuse_unknown(cls, values, owner)
    try:
        return msgspec.convert(dict(values), cls, strict=True)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, ConfigError):
            raise cause from None
        text, key = _plainly(error)
        raise ConfigError(f"{owner}: {key}: {text}", _wanted(_table_of(cls, key), key.split(".")[-1])) from None


def to_plain(config: Any) -> Any:
    """A config as plain data (dicts, lists, strings, numbers): every field written out, None left away."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        # by field, not by msgspec: what it converts keeps defaults on the class, and writes them nowhere
        return to_plain({item.name: getattr(config, item.name) for item in dataclasses.fields(config)})
    if isinstance(config, Mapping):
        return {key: to_plain(value) for key, value in config.items() if value is not None}
    if isinstance(config, (list, tuple)):
        return [to_plain(value) for value in config]
    return config


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One field of a config; `default` is its Python spelling, or `required`."""

    name: str
    type: str
    default: str


def settings_of(cls: type[Any]) -> tuple[Setting, ...]:
    """Every setting of a config class, in order."""
    hints = typing.get_type_hints(cls)
    found = []
    for item in dataclasses.fields(cls):
        default = "required"
        if item.default is not dataclasses.MISSING:
            default = repr(item.default)
        elif item.default_factory is not dataclasses.MISSING:
            default = repr(item.default_factory())
        found.append(Setting(item.name, _type_name(hints[item.name]), default))
    return tuple(found)


def describe(cls: type[Any]) -> str:
    """One line with every setting, its type and its default."""
    return ", ".join(f"{s.name}: {s.type} = {s.default}" for s in settings_of(cls)) or "none"


def _refuse_unknown(cls: type[Any], values: Mapping[str, Any], owner: str) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{owner}: expected a table of settings, got {type(values).__name__}")
    hints = typing.get_type_hints(cls)
    for key, value in values.items():
        if key not in hints:
            hint = near(str(key), hints) if hints else "It takes no settings."
            raise ConfigError(f"{owner} has no setting {key!r}", hint)
        nested = _dataclass_in(hints[key])
        if nested is None or not isinstance(value, Mapping):
            continue
        if typing.get_origin(hints[key]) is Mapping:  # a table of such tables, by name
            for name, entry in value.items():
                _refuse_unknown(nested, entry, f"{owner}.{key}.{name}")
        else:
            _refuse_unknown(nested, value, f"{owner}.{key}")


def _dataclass_in(hint: Any) -> type[Any] | None:
    options = [hint, *typing.get_args(hint)]
    return next((o for o in options if isinstance(o, type) and dataclasses.is_dataclass(o)), None)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _table_of(cls: type[Any], key: str) -> type[Any]:
    """The dataclass that holds the dotted `key`: its settings are the ones to look through."""
    for word in key.split(".")[:-1]:
        nested = _dataclass_in(typing.get_type_hints(cls).get(word))
        if nested is None:
            break
        cls = nested
    return cls


def _wanted(cls: type[Any], name: str) -> str:
    """What the setting takes; all settings where it is none of them."""
    for setting in settings_of(cls):
        if setting.name == name:
            default = "" if setting.default == "required" else f"; by default {setting.default}"
            return f"Give {name} as {_WORDS.get(setting.type, setting.type)}{default}."
    return f"Settings: {describe(cls)}"


def _plainly(error: msgspec.ValidationError) -> tuple[str, str]:
    text = str(error).replace("`", "")
    text, _, where = text.partition(" - at $.")
    return text[:1].lower() + text[1:], where or "settings"
