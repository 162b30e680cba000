"""Text of others, made fit for a terminal: what could colour it, move its cursor or turn its lines around goes."""

from __future__ import annotations

import re

__all__ = ["visible"]

# Sequences of ECMA-48 whole (CSI, then OSC and its kin), other control characters, and marks that change the direction
# of what follows them (Boucher and Anderson 2021, "Trojan Source"). Tabs and line ends stay.
_UNSEEN = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def visible(text: str) -> str:
    """`text` without control characters and escape sequences.

    >>> visible("\\x1b[31mred\\x1b[0m\\a")
    'red'
    """
    return _UNSEEN.sub("", text)
