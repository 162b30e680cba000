"""Releases that others published on the Hub."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.remote.calls import asked, hub_errors

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
    """Models with the tag `aegan-zoo` whose name has `text` in it. Raises RemoteError."""
    from huggingface_hub import HfApi

    with hub_errors("search"):
        rows = asked(lambda: list(HfApi().list_models(filter=_TAG, search=text or None, limit=limit, full=True)))
    found = []
    for row in rows:
        tags = [str(tag) for tag in row.tags or ()]
        license = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
        plain = tuple(tag for tag in tags if ":" not in tag and tag != _TAG)
        changed = row.last_modified.isoformat() if row.last_modified else ""
        found.append(Found(f"hub:{row.id}", plain, license, changed, row.downloads or 0))
    return found
