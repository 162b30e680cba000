"""Where collections are stored: a folder with one JSON file for each."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from zoo.plugin import ReleaseError, from_plain, parse_json, write_atomically

__all__ = ["Collection", "Collections", "short_id"]

_DATE = "2000-01-01T00:00:00.000Z"
_LARGEST_RECORD = 1 << 24


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: `slug` is `namespace/title-<24 hex digits>`, `items` the ids of models."""

    slug: str
    title: str
    description: str
    private: bool
    items: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """Whose it is."""
        return self.slug.partition("/")[0]

    def plain(self) -> dict[str, Any]:
        """What the Hub answers."""
        items = [
            {"_id": short_id(name), "id": name, "type": "model", "position": at} for at, name in enumerate(self.items)
        ]
        facts = {"slug": self.slug, "title": self.title, "description": self.description, "private": self.private}
        fixed = {"lastUpdated": _DATE, "position": 0, "theme": "orange", "upvotes": 0}
        return {**facts, **fixed, "owner": {"name": self.namespace}, "items": items}


class Collections:
    """The collections in a folder, one JSON file each, made when it is first needed. A change is made under a lock, and
    is on disk before readers get it. Raises ReleaseError for a record that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._all = {one.slug: one for one in map(_read, sorted(folder.glob("*.json")))}

    def find(self, slug: str) -> Collection | None:
        """The collection as it is now."""
        return self._all.get(slug)

    def change(self, slug: str, edit: Callable[[Collection | None], Collection]) -> Collection:
        """Replace the collection, or None if there is none, by the result of `edit`; if that raises, nothing
        changes."""
        with self._lock:
            changed = edit(self._all.get(slug))
            if changed is not self._all.get(slug):
                write_atomically(self._folder / f"{slug.replace('/', '--')}.json", msgspec.json.encode(changed))
                self._all[slug] = changed
            return changed


def short_id(text: str) -> str:
    """24 hex digits that name something on the Hub."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _read(path: Path) -> Collection:
    plain = parse_json(path.read_bytes(), str(path), largest=_LARGEST_RECORD, error=ReleaseError)
    collection: Collection = from_plain(Collection, plain, str(path), error=ReleaseError)
    if path.name != f"{collection.slug.replace('/', '--')}.json":
        raise ReleaseError(f"{path} is not the record of that collection", "Move it away, or restore it from a copy.")
    return collection
