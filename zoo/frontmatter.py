"""The YAML at the head of a model card. No torch, no network."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

__all__ = ["front_matter"]


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
