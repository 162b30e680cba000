"""What lies in the folders of a large set of images, kept in the user's cache: at the next start only folders that
changed are listed again. Over a network that is one request a folder, not one a file.

A folder's time changes with every file that is added, removed or renamed. A file that is overwritten in place changes
its size alone: some sizes are checked on opening, the others when the files are read (`zoo.data.sources.FolderFiles`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo._utils.files import read_regular, sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.errors import StorageError

__all__ = ["Index", "Listing", "drop_index", "list_folder", "load_index", "save_index"]

_WORTH = 20_000
"""Fewer files are listed anew each time."""
_SETTLED = 2 * 10**9
"""Nanoseconds: within that time of a change another one may not show in a folder's time."""
_LARGEST = 2**30
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder, by name: folders, links, other files with their sizes; hidden names are left out. `time`
    is the folder's own, in nanoseconds, 0 if it cannot be relied on."""

    time: int
    folders: tuple[str, ...]
    links: tuple[str, ...]
    files: tuple[tuple[str, int], ...]


Index = Mapping[str, Listing]
"""Every folder's listing, by its path relative to the top, which is the empty path."""


def list_folder(path: Path, known: Listing | None) -> Listing:
    """A folder's listing: the known one if the folder is still the same. Raises OSError."""
    then = path.stat().st_mtime_ns
    if known is not None and known.time == then:
        return known
    folders, links, files = [], [], []
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            links.append(entry.name)
        elif entry.is_dir():
            folders.append(entry.name)
        else:
            files.append((entry.name, entry.stat(follow_symlinks=False).st_size))
    settled = time.time_ns() - then > _SETTLED
    return Listing(then if settled else 0, tuple(folders), tuple(links), tuple(files))


def load_index(top: Path) -> Index:
    """The cached listings of the folders below `top`; none if there are none that can be read."""
    try:
        plain = json.loads(read_regular(_place(top), _LARGEST))
        if plain["format"] != _FORMAT:
            return {}
        return {name: _listing(row) for name, row in plain["folders"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def save_index(top: Path, index: Index) -> None:
    """Cache the listings if there are enough files to be worth it."""
    if sum(len(listing.files) for listing in index.values()) <= _WORTH:
        return
    folders = {
        name: [listing.time, listing.folders, listing.links, listing.files]
        for name, listing in index.items()
        if listing.time
    }
    with suppress(StorageError):  # a cache that cannot be written costs time alone
        write_atomically(_place(top), json.dumps({"format": _FORMAT, "folders": folders}).encode())


def drop_index(top: Path) -> None:
    """List everything again next time."""
    with suppress(OSError):
        _place(top).unlink(missing_ok=True)


def _place(top: Path) -> Path:
    return cache_folder() / "folders" / f"{sha256_of(os.fsencode(top))[:32]}.json"


def _listing(row: Any) -> Listing:
    then, folders, links, files = row
    sized = tuple((_name(name), int(size)) for name, size in files)
    return Listing(int(then), tuple(map(_name, folders)), tuple(map(_name, links)), sized)


def _name(value: Any) -> str:
    if type(value) is not str or "/" in value or value.startswith("."):
        raise ValueError("not a name of a file in a folder")
    return value
