"""Large registry files as they were parsed, kept in the user's cache: TOML takes ten times as long to read as JSON.

parsed/<digest of the path>.json has the SHA-256 of what follows, the SHA-256 of the registry file, and its entries.
Every entry is checked again when it is read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from zoo._utils.files import read_regular, sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.config import to_plain
from zoo.errors import StorageError
from zoo.registry.file import Entry, parse_registry, read_bytes

__all__ = ["read_registry"]

_WORTH = 50_000
"""Bytes of a registry file; a smaller one is parsed each time."""
_LARGEST = 30_000_000
_FORMAT = 1


def read_registry(path: Path) -> tuple[Entry, ...]:
    """The entries of one registry.toml, in the file's order.

    Raises ReleaseError naming the file, the key, what is wrong and what is allowed.
    """
    data = read_bytes(path)
    if len(data) < _WORTH:
        return parse_registry(data, path)
    mark = f"{_FORMAT} {sha256_of(data)}".encode()
    place = cache_folder() / "parsed" / f"{sha256_of(os.fsencode(path.absolute()))[:32]}.json"
    entries = _load(place, mark)
    if entries is None:
        entries = parse_registry(data, path)
        _save(place, mark, entries)
    for entry in entries:
        object.__setattr__(entry, "origin", path)
    return entries


def _load(place: Path, mark: bytes) -> tuple[Entry, ...] | None:
    """The kept entries of the file with that mark; None if there are none that can be read."""
    try:
        digest, known, text = read_regular(place, _LARGEST).split(b"\n", 2)
        if known != mark or digest != sha256_of(known + text).encode():
            return None
        return msgspec.json.decode(text, type=tuple[Entry, ...])
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def _save(place: Path, mark: bytes, entries: tuple[Entry, ...]) -> None:
    facts = [{key: value for key, value in to_plain(entry).items() if key != "origin"} for entry in entries]
    text = msgspec.json.encode(facts)
    with suppress(StorageError):  # a cache that cannot be written costs time alone
        write_atomically(place, b"\n".join((sha256_of(mark + text).encode(), mark, text)))
