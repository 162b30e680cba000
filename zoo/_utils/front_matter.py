"""The YAML at the head of a card, which anybody may have written: without aliases, not deep, and not long."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

__all__ = ["front_matter"]

_LONGEST = 64 * 1024
_DEEPEST = 32


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases, by which a few bytes become gigabytes or a circle, and deep nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*), which is not read")
        if self.depth == _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def front_matter(text: str) -> dict[str, Any]:
    """The YAML table between the first two `---` lines; empty if there is none. Raises ValueError for invalid YAML, for
    aliases, and for a table that is long or deep."""
    if not text.startswith("---\n"):
        return {}
    head = text[4:].partition("\n---")[0]
    if len(head) > _LONGEST:
        raise ValueError(f"its front matter has more than {_LONGEST:,} characters")
    if _deepest_bracket(head) > 4 * _DEEPEST:  # reading takes the square of that
        raise ValueError(f"its front matter is nested more than {_DEEPEST} deep")
    try:
        table = yaml.load(head, _PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"its front matter is not YAML: {str(error).splitlines()[0]}") from None
    if table is not None and not isinstance(table, dict):
        raise ValueError("its front matter is not a table")
    return table or {}


def _deepest_bracket(text: str) -> int:
    """The most brackets that are open at one place, those in quotes counted too."""
    depth = deepest = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth = max(0, depth - 1)
    return deepest
