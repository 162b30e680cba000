"""Search the Hub for releases. Their facts are tags of the repositories, which `zoo release` writes into the cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

from zoo.release.tags import read_fact_tags
from zoo.remote.api import NotAHub, api_get
from zoo.remote.client import hub_errors, with_retries

__all__ = ["SearchResult", "search"]

_TAG = "aegan-zoo"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A repository of the Hub with zoo's tag: address, tags, licence, and when it last changed (ISO 8601).

    Shape of the samples, number of a code's values, and distributions that it needs are as its tags claim; empty or
    None if they don't say. Nothing of it is checked before the release is pulled.
    """

    address: str
    tags: tuple[str, ...]
    license: str
    shape: tuple[int, ...]
    code_shape: tuple[int, ...]
    plugins: tuple[str, ...]
    changed: str
    downloads: int


def search(text: str = "", *, limit: int = 50) -> list[SearchResult]:
    """At most `limit` models with the tag `aegan-zoo` whose name contains `text`. Raises RemoteError."""
    query = {"filter": _TAG, "limit": str(limit), "full": "true"} | ({"search": text} if text else {})
    with hub_errors("search"):
        rows = with_retries(lambda: api_get("models", **query))
    if not isinstance(rows, list) or not all(isinstance(row, dict) and _is_printable(row.get("id")) for row in rows):
        raise NotAHub("the answer to the search is not a Hub's")
    return [_result(row) for row in rows[:limit]]


def _result(row: dict[str, Any]) -> SearchResult:
    listed = row.get("tags")
    tags = [tag for tag in listed if _is_printable(tag)] if isinstance(listed, list) else []
    facts = read_fact_tags(tags)
    changed, downloads = row.get("lastModified"), row.get("downloads")
    return SearchResult(
        address=f"hub:{row['id']}",
        tags=tuple(tag for tag in tags if ":" not in tag and tag != _TAG),
        license=next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), ""),
        shape=facts.shape,
        code_shape=facts.code_shape,
        plugins=facts.plugins,
        changed=changed if _is_printable(changed) else "",
        downloads=downloads if isinstance(downloads, int) else 0,
    )


def _is_printable(value: object) -> TypeGuard[str]:
    """Whether a value is text without control characters."""
    return isinstance(value, str) and value.isprintable()
