"""Text of others, made fit for a terminal: what could colour it, move its cursor or turn its lines around goes."""

from __future__ import annotations

import re
from typing import Any

import yaml  # type: ignore[import-untyped]

__all__ = ["front_matter", "sanitize"]

# Sequences of ECMA-48 whole (CSI, then OSC and its kin), other control characters, and marks that change the direction
# of what follows them (Boucher and Anderson 2021, "Trojan Source"). Tabs and line ends stay.
_UNSEEN = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def sanitize(text: str) -> str:
    """`text` without control characters and escape sequences.

    >>> visible("\\x1b[31mred\\x1b[0m\\a")
    'red'
    """
    return _UNSEEN.sub("", text)


def front_matter(text: str) -> dict[str, Any]:
    """The table between the first two `---` lines; empty when there is none. Raises ValueError saying what is wrong."""
    if not text.startswith("---\n"):
        return {}
    try:
        found = yaml.safe_load(text[4:].partition("\n---")[0])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"its front matter is not YAML: {str(error).splitlines()[0]}") from None
    if found is not None and not isinstance(found, dict):
        raise ValueError("its front matter is not a table")
    return found or {}
