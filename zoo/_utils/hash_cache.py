"""Which files were hashed in which state, so that a file that has not changed is not hashed at every load.

A file counts as the same while its size, inode and both times (to the nanosecond) are. One that was written within
the last two seconds is never remembered: it could change again without its time showing it. `zoo verify` and
`zoo pull` don't ask here. Notes lie in `$ZOO_CACHE`, or the platform's cache folder; losing them costs one hashing.
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
_SETTLED = 2_000_000_000


class HashCache:
    """The notes on one folder's files."""

    def __init__(self, notes: dict[str, list[object]]) -> None:
        self._notes = notes
        self.changed = False

    def knows(self, name: str, state: os.stat_result, sha256: str) -> bool:
        """Whether the file was hashed in this very state and gave this digest."""
        return self._notes.get(name) == [*_figures(state), sha256]

    def note(self, name: str, state: os.stat_result, sha256: str) -> None:
        """Remember that the file in this state has this digest."""
        if max(state.st_mtime_ns, state.st_ctime_ns) + _SETTLED < time.time_ns():
            self._notes[name] = [*_figures(state), sha256]
            self.changed = True

    @property
    def notes(self) -> dict[str, list[object]]:
        """Everything remembered, as plain data."""
        return self._notes


@contextmanager
def hash_cache(folder: Path) -> Iterator[HashCache]:
    """The notes on a folder, written back afterwards if they grew; what can't be read or kept is done without."""
    path = cache_folder() / "checked" / f"{sha256_of(os.fsencode(folder.absolute()))[:32]}.json"
    try:
        notes = parse_json(read_regular(path, _LARGEST), str(path), largest=_LARGEST)
    except (OSError, ZooError):
        notes = {}
    checked = HashCache(notes if isinstance(notes, dict) else {})
    yield checked
    if checked.changed:
        try:
            write_atomically(path, json.dumps(checked.notes).encode())
        except StorageError:
            return  # a cache that cannot be written only costs time


def cache_folder() -> Path:
    """Where Zoo keeps what it can find out again."""
    return Path(os.environ.get("ZOO_CACHE") or platformdirs.user_cache_dir("zoo", appauthor=False))


def _figures(state: os.stat_result) -> list[object]:
    return [state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns]
