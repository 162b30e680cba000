"""Releases that others published on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

from zoo.remote.calls import hub_errors, with_retries
from zoo.remote.question import NotAHub, api_get

__all__ = ["Found", "search"]

_TAG = "aegan-zoo"


@dataclass(frozen=True, slots=True)
class Found:
    """A repository of the Hub with Zoo's tag: where it is, its tags, its licence, when it last changed (ISO 8601)."""

    address: str
    tags: tuple[str, ...]
    license: str
    changed: str
    downloads: int


def search(text: str = "", *, limit: int = 50) -> list[Found]:
    """At most `limit` models with the tag `aegan-zoo` whose name has `text` in it. Raises RemoteError."""
    wanted = {"filter": _TAG, "limit": str(limit), "full": "true"} | ({"search": text} if text else {})
    with hub_errors("search"):
        rows = with_retries(lambda: api_get("models", **wanted))
    if not isinstance(rows, list) or not all(isinstance(row, dict) and _is_shown(row.get("id")) for row in rows):
        raise NotAHub("the answer to the search is not a Hub's")
    return [_found(row) for row in rows[:limit]]


def _found(row: dict[str, Any]) -> Found:
    tags = [tag for tag in row.get("tags") or () if _is_shown(tag)]
    license = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    plain = tuple(tag for tag in tags if ":" not in tag and tag != _TAG)
    changed, downloads = row.get("lastModified"), row.get("downloads")
    when, count = changed if _is_shown(changed) else "", downloads if isinstance(downloads, int) else 0
    return Found(f"hub:{row['id']}", plain, license, when, count)


def _is_shown(value: object) -> TypeGuard[str]:
    """Text without anything that a terminal would obey."""
    return isinstance(value, str) and value.isprintable()
