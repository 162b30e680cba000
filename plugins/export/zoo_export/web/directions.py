"""The directions of a release for the page: text of names, and their values as base64 of float32."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from zoo.plugin import sanitize

__all__ = ["page_directions"]

_MOST = 12
"""The most sliders of one set."""


def page_directions(sets: Sequence[Any]) -> list[dict[str, Any]]:
    """Of each set of directions (`zoo.find_directions`): its method, the names, how many vectors (`rows`) each has, and
    the values of all, (names, rows, values of a code), little-endian float32. At most 12 names of a set that is not of
    classes, as each becomes a slider."""
    plain = []
    for one in sets:
        names = one.names if one.method == "classes" else one.names[:_MOST]
        values = one.vectors[: len(names)].flatten(2).contiguous().numpy().astype("<f4")
        plain.append(
            {
                "method": one.method,
                "names": [sanitize(name) for name in names],
                "rows": values.shape[1],
                "values": base64.b64encode(values.tobytes()).decode(),
            }
        )
    return plain
