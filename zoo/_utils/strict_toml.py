"""Strict parsing of untrusted TOML: what would take the parser long is refused before it begins.

The standard library's parser takes time that grows with the square of a dotted key's parts, and recurses with every
bracket.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

__all__ = ["parse_toml"]

_DEEPEST = 32
_MOST_PARTS = 16
_LARGEST_INT = 2**63
_TOKENS = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5})?'
    r"|'''(?:[^']++|'(?!''))*+(?:'{3,5})?"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|[][{}.=,\n]",
    re.DOTALL,
)


def parse_toml(data: bytes, *, largest: int) -> dict[str, Any]:
    """The table in the bytes of a TOML file.

    Raises ValueError, with a reason of one line, for more than `largest` bytes, for text that is not TOML in UTF-8, for
    keys of more than 16 parts, for brackets nested deeper than 32 levels and for integers beyond 64 bits. Takes time in
    proportion to the bytes.
    """
    if len(data) > largest:
        raise ValueError(f"{len(data):,} bytes; at most {largest:,} are read")
    text = data.decode("utf-8").replace("\r\n", "\n")
    _check_nesting(text)
    table = tomllib.loads(text)
    _check_integers(table)
    return table


def _check_nesting(text: str) -> None:
    depth = dots = 0
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token == ".":
            dots += 1
            if dots >= _MOST_PARTS:
                raise ValueError(f"a key has more than {_MOST_PARTS} parts")
        elif token in ("[", "{"):
            depth, dots = depth + 1, 0
            if depth > _DEEPEST:
                raise ValueError(f"nested deeper than {_DEEPEST} levels")
        elif token in ("]", "}"):
            depth, dots = depth - 1, 0
        elif token in ("=", ",", "\n"):
            dots = 0


def _check_integers(value: Any) -> None:
    """Python would print no integer of thousands of digits, not even in a message."""
    if isinstance(value, dict):
        for item in value.values():
            _check_integers(item)
    elif isinstance(value, list):
        for item in value:
            _check_integers(item)
    elif isinstance(value, int) and not -_LARGEST_INT <= value < _LARGEST_INT:
        raise ValueError("an integer does not fit 64 bits")
