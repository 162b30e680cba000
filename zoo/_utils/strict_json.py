"""Strict parsing of untrusted JSON, and canonical JSON: equal values give equal bytes."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from zoo.errors import ZooError

__all__ = ["dump_json", "parse_json"]

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
_LARGEST_INT = 2**63


def parse_json(data: bytes, what: str, *, largest: int, deepest: int = 32, error: type[ZooError] = ZooError) -> Any:
    """Parse untrusted bytes.

    Raises `error`, with a message that starts with `what`, for more than `largest` bytes, text that is not UTF-8,
    nesting deeper than `deepest`, duplicate keys, NaN and infinities, integers beyond 64 bits, and lone surrogates.
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
        raise error(f"{what}: not valid JSON: {cause}") from None
    return value


def dump_json(value: Any) -> bytes:
    """Plain data as UTF-8 JSON: sorted keys, two spaces, a final newline, no NaN.

    Raises ValueError or TypeError for other values.
    """
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _check_depth(text: str, deepest: int) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth > deepest:
                raise ValueError(f"nested deeper than {deepest} levels")
        elif match[0] in ("]", "}"):
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
