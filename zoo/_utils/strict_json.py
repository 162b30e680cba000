"""Plain data from strangers, read strictly; and our own JSON, in which equal values are equal bytes."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
import typing
from typing import Any, NoReturn, TypeVar

import msgspec

from zoo.errors import ReleaseError, ZooError

__all__ = ["convert", "dump_json", "parse_json"]

T = TypeVar("T")

_MARKS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
_LARGEST_INT = 2**63


def parse_json(data: bytes, what: str, *, largest: int, deepest: int = 32, error: type[ZooError] = ZooError) -> Any:
    """Parse bytes that may be hostile.

    Refused with `error`, whose message starts with `what`: more than `largest` bytes, text that is not UTF-8,
    nesting beyond `deepest`, a key given twice, NaN and infinities, integers beyond 64 bits, lone surrogates.
    """
    if len(data) > largest:
        raise error(f"{what}: {len(data):,} bytes; at most {largest:,} are read")
    try:
        text = data.decode("utf-8")
        _check_depth(text, deepest)
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_integer,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on lone surrogates
    except UnicodeError:
        raise error(f"{what}: the text is not valid UTF-8") from None
    except ValueError as cause:
        raise error(f"{what}: not the JSON that is allowed here: {cause}") from None
    return value


def dump_json(value: Any) -> bytes:
    """Plain data as UTF-8 JSON: sorted keys, two spaces, a final newline, no NaN.

    Raises ValueError or TypeError for anything that JSON cannot say.
    """
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def convert(cls: type[T], plain: Any, what: str) -> T:
    """Plain data as the dataclass `cls`, strictly.

    Raises ReleaseError naming `what`, the key, what is wrong and what is allowed.
    """
    _refuse_unknown(cls, plain, what, "")
    try:
        return msgspec.convert(plain, cls, strict=True)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, ZooError):
            raise ReleaseError(f"{what}: {cause.message}", cause.hint) from None
        text, _, where = str(error).replace("`", "").partition(" - at $.")
        raise ReleaseError(f"{what}: {where + ': ' if where else ''}{text[:1].lower()}{text[1:]}") from None


def _refuse_unknown(hint: Any, value: Any, what: str, where: str) -> None:
    """Walk the type beside the data: msgspec takes unknown keys of a dataclass without a word."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in options:
            _refuse_unknown(option, value, what, where)
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            _refuse_unknown(options[1], item, what, f"{where}{key[:80]}.")
    elif origin is tuple and isinstance(value, list):
        for i, item in enumerate(value):
            _refuse_unknown(options[0], item, what, f"{where}{i}.")
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint)
        for key, item in value.items():
            if key not in hints:
                allowed = ", ".join(name for name in hints if name != "role")
                raise ReleaseError(f"{what}: unknown key {where + key[:80]!r}", f"Allowed: {allowed}.")
            _refuse_unknown(hints[key], item, what, f"{where}{key}.")


def _check_depth(text: str, deepest: int) -> None:
    depth = 0
    for match in _MARKS.finditer(text):
        mark = match[0]
        if mark in ("[", "{"):
            depth += 1
            if depth > deepest:
                raise ValueError(f"nested deeper than {deepest} levels")
        elif mark in ("]", "}"):
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {key[:80]!r} is given twice")
        result[key] = value
    return result


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or not -_LARGEST_INT <= int(text) < _LARGEST_INT:
        raise ValueError(f"{text[:40]} does not fit 64 bits")
    return int(text)
