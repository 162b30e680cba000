"""Settings: dataclasses checked against plain data, with errors that name the key, the type and a near match.

A component's config is a frozen dataclass. The same definition is what a manifest stores, what `zoo info
--component` prints and what command-line settings are checked against.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from zoo.errors import ConfigError, near

__all__ = ["describe", "from_plain", "to_plain"]

T = TypeVar("T")


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
        raise ConfigError(f"{owner}: {_plainly(error)}", f"Settings: {describe(cls)}") from None


def to_plain(config: Any) -> dict[str, Any]:
    """The config as plain data (dicts, lists, strings, numbers), every field written out, None left away."""
    plain = cast(dict[str, Any], msgspec.to_builtins(config))
    return cast(dict[str, Any], _without_none(plain))


def describe(cls: type[Any]) -> str:
    """One line with every setting, its type and its default."""
    hints = typing.get_type_hints(cls)
    words = []
    for item in dataclasses.fields(cls):
        text = f"{item.name}: {_type_name(hints[item.name])}"
        if item.default is not dataclasses.MISSING:
            text += f" = {item.default!r}"
        elif item.default_factory is not dataclasses.MISSING:
            text += f" = {item.default_factory()!r}"
        words.append(text)
    return ", ".join(words) or "none"


def _refuse_unknown(cls: type[Any], values: Mapping[str, Any], owner: str) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{owner}: expected a table of settings, got {type(values).__name__}")
    hints = typing.get_type_hints(cls)
    for key, value in values.items():
        if key not in hints:
            hint = near(str(key), hints) if hints else "It takes no settings."
            raise ConfigError(f"{owner} has no setting {key!r}", hint)
        nested = _dataclass_in(hints[key])
        if nested is not None and isinstance(value, Mapping):
            _refuse_unknown(nested, value, f"{owner}.{key}")


def _dataclass_in(hint: Any) -> type[Any] | None:
    options = [hint, *typing.get_args(hint)]
    return next((o for o in options if isinstance(o, type) and dataclasses.is_dataclass(o)), None)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _plainly(error: msgspec.ValidationError) -> str:
    text = str(error).replace("`", "")
    text, _, where = text.partition(" - at $.")
    key = where or "settings"
    return f"{key}: {text[:1].lower()}{text[1:]}"


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
