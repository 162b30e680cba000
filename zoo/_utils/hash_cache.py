"""A cache of files' hashes, so that a file that has not changed is not hashed at every load.

A file counts as unchanged if its size, inode and both times (to the nanosecond) are the same. A file that was written
within the last two seconds is not cached: it could change again with the same time. `zoo verify` and `zoo pull` do not
use the cache. It is in `$ZOO_CACHE`, or the platform's cache folder; without it, files are hashed once more.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from zoo._utils.files import read_regular, sha256_of, write_atomically
from zoo._utils.strict_json import parse_json
from zoo.errors import StorageError, ZooError

__all__ = ["HashCache", "cache_folder", "hash_cache"]

_LARGEST = 1_000_000
_MIN_AGE = 2_000_000_000


class HashCache:
    """The hashes of one folder's files."""

    def __init__(self, entries: dict[str, list[object]]) -> None:
        self._entries = entries
        self.changed = False

    def knows(self, name: str, state: os.stat_result, sha256: str) -> bool:
        """Whether the file had this digest when it was hashed in this state."""
        return self._entries.get(name) == [*_state(state), sha256]

    def add(self, name: str, state: os.stat_result, sha256: str) -> None:
        """Store the digest of the file in this state."""
        if max(state.st_mtime_ns, state.st_ctime_ns) + _MIN_AGE < time.time_ns():
            self._entries[name] = [*_state(state), sha256]
            self.changed = True

    @property
    def entries(self) -> dict[str, list[object]]:
        """The whole cache as plain data."""
        return self._entries


@contextmanager
def hash_cache(folder: Path) -> Iterator[HashCache]:
    """The cache of a folder, saved after the block if it changed; errors in reading or saving it are ignored."""
    path = cache_folder() / "checked" / f"{sha256_of(os.fsencode(folder.absolute()))[:32]}.json"
    try:
        entries = parse_json(read_regular(path, _LARGEST), str(path), largest=_LARGEST)
    except (OSError, ZooError):
        entries = {}
    cache = HashCache(entries if isinstance(entries, dict) else {})
    yield cache
    if cache.changed:
        try:
            write_atomically(path, json.dumps(cache.entries).encode())
        except StorageError:
            return  # without a cache, files are hashed again


def cache_folder() -> Path:
    """The folder of zoo's caches."""
    return Path(os.environ.get("ZOO_CACHE") or platformdirs.user_cache_dir("zoo", appauthor=False))


def _state(state: os.stat_result) -> list[object]:
    return [state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns]
