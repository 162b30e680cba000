"""Settings: dataclasses from plain data, with errors that name the key, the type and similar keys.

A component's config is a frozen dataclass: manifests store it, `zoo info --component` prints it, and command-line
settings are checked against it.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from zoo.errors import ConfigError, ZooError, near

__all__ = ["Setting", "describe", "from_plain", "settings_of", "to_plain"]

T = TypeVar("T")

_get_type_hints = functools.cache(typing.get_type_hints)
"""Compiling the annotations again for each of thousands of entries takes seconds."""

_TYPE_NAMES = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "a text"}


def from_plain(cls: type[T], values: Any, owner: str, *, error: type[ZooError] = ConfigError) -> T:
    """Build the dataclass `cls` from plain data, strictly. `owner` names the data's origin in messages.

    Raises `error` for an unknown or missing key, a wrong type or a refused value. For settings (ConfigError) the hint
    has similar keys and defaults; for other data the message has the key's path and what is allowed there.
    """
    settings = error is ConfigError
    if not isinstance(values, Mapping):
        table = "a table of settings" if settings else "a table"
        raise error(f"{owner}: expected {table}, got {type(values).__name__}")
    for path, allowed in _unknown_keys(cls, values, ()):
        *parents, key = path
        if settings:
            hint = near(key, allowed) if allowed else "It takes no settings."
            raise error(f"{'.'.join((owner, *parents))} has no setting {key!r}", hint)
        names = ", ".join(name for name in allowed if name != "role")
        raise error(f"{owner}: unknown key {'.'.join(path)!r}", f"Allowed: {names}.")
    try:
        return msgspec.convert(dict(values), cls, strict=True)
    except msgspec.ValidationError as invalid:
        cause = invalid.__cause__
        if settings and isinstance(cause, ConfigError):
            raise cause from None
        if isinstance(cause, ZooError):
            raise error(f"{owner}: {cause.message}", cause.hint) from None
        text, _, key = str(invalid).replace("`", "").partition(" - at $.")
        text = text[:1].lower() + text[1:]
        if settings:
            key = key or "settings"
            raise error(f"{owner}: {key}: {text}", _setting_hint(_owner_of(cls, key), key.split(".")[-1])) from None
        raise error(f"{owner}: {key + ': ' if key else ''}{text}") from None


def to_plain(config: Any) -> Any:
    """A config as plain data (dicts, lists, strings, numbers), with every field except those that are None."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        # by field: msgspec would leave out defaults that are attributes of the class
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
    hints = _hints(cls)
    settings = []
    for item in dataclasses.fields(cls):
        default = "required"
        if item.default is not dataclasses.MISSING:
            default = repr(item.default)
        elif item.default_factory is not dataclasses.MISSING:
            default = repr(item.default_factory())
        settings.append(Setting(item.name, _type_name(hints[item.name]), default))
    return tuple(settings)


def describe(cls: type[Any]) -> str:
    """One line with every setting, its type and its default."""
    return ", ".join(f"{s.name}: {s.type} = {s.default}" for s in settings_of(cls)) or "none"


def _unknown_keys(hint: Any, value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The path of each unknown key, with the keys that are allowed there: msgspec ignores unknown keys."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in options:
            yield from _unknown_keys(option, value, path)
    elif origin in (dict, Mapping) and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unknown_keys(options[1], item, (*path, str(key)[:80]))
    elif origin is tuple and isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _unknown_keys(options[0], item, (*path, str(i)))
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        hints = _hints(hint)
        for key, item in value.items():
            if key not in hints:
                yield (*path, str(key)[:80]), list(hints)
            else:
                yield from _unknown_keys(hints[key], item, (*path, key))


def _hints(cls: Any) -> dict[str, Any]:
    return _get_type_hints(cls)


def _dataclass_in(hint: Any) -> type[Any] | None:
    options = [hint, *typing.get_args(hint)]
    return next((o for o in options if isinstance(o, type) and dataclasses.is_dataclass(o)), None)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _owner_of(cls: type[Any], key: str) -> type[Any]:
    """The dataclass that has the last field of the dotted `key`."""
    for name in key.split(".")[:-1]:
        nested = _dataclass_in(_hints(cls).get(name))
        if nested is None:
            break
        cls = nested
    return cls


def _setting_hint(cls: type[Any], name: str) -> str:
    """A hint about the setting's type and default, or about all settings if there is none of that name."""
    for setting in settings_of(cls):
        if setting.name == name:
            default = "" if setting.default == "required" else f"; by default {setting.default}"
            return f"Give {name} as {_TYPE_NAMES.get(setting.type, setting.type)}{default}."
    return f"Settings: {describe(cls)}"
