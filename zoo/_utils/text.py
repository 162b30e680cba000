"""Untrusted text for a terminal, without control characters."""

from __future__ import annotations

import re

from zoo.errors import without_passwords

__all__ = ["escape_controls", "sanitize"]

# escape sequences of ECMA-48 (CSI; then OSC, DCS and similar), other control characters except tabs and line ends, and
# characters that change the text's direction (Boucher and Anderson 2021, "Trojan Source")
_CONTROL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

_UNESCAPED = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON allows in a text without an escape."""


def sanitize(text: str) -> str:
    """`text` without control characters, escape sequences and passwords of addresses.

    >>> sanitize("\\x1b[31mred\\x1b[0m\\a")
    'red'
    """
    return without_passwords(_CONTROL.sub("", text))


def escape_controls(text: str) -> str:
    """The text of a JSON value with escapes for the characters that `sanitize` removes, without passwords of addresses.

    >>> escape_controls("a" + chr(0x202E) + "b") == "a" + chr(92) + "u202eb"
    True
    """
    return without_passwords(_UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text))
