"""Large registry files as they were parsed, kept in the user's cache: TOML takes ten times as long to read as JSON.

parsed/<digest of the path>.json has the SHA-256 of what follows, the SHA-256 of the registry file, and its contents.
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
from zoo.registry.edition import refuse_expired
from zoo.registry.file import Entry, RegistryFile, parse_registry, read_bytes

__all__ = ["read_file", "read_registry"]

_WORTH = 50_000
"""Bytes of a registry file; a smaller one is parsed each time."""
_LARGEST = 30_000_000
_FORMAT = 2


def read_registry(path: Path) -> tuple[Entry, ...]:
    """The entries of one registry.toml, in the file's order. Raises IntegrityError if it has expired, and like
    `read_file`."""
    file = read_file(path)
    refuse_expired(file.edition, path)
    return file.entries


def read_file(path: Path) -> RegistryFile:
    """One registry.toml, which may have expired.

    Raises ReleaseError naming the file, the key, what is wrong and what is allowed.
    """
    data = read_bytes(path)
    if len(data) < _WORTH:
        return parse_registry(data, path)
    mark = f"{_FORMAT} {sha256_of(data)}".encode()
    place = cache_folder() / "parsed" / f"{sha256_of(os.fsencode(path.absolute()))[:32]}.json"
    file = _load(place, mark)
    if file is None:
        file = parse_registry(data, path)
        _save(place, mark, file)
    for entry in file.entries:
        object.__setattr__(entry, "origin", path)
    return file


def _load(place: Path, mark: bytes) -> RegistryFile | None:
    """The kept contents of the file with that mark; None if there are none that can be read."""
    try:
        digest, known, text = read_regular(place, _LARGEST).split(b"\n", 2)
        if known != mark or digest != sha256_of(known + text).encode():
            return None
        return msgspec.json.decode(text, type=RegistryFile)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def _save(place: Path, mark: bytes, file: RegistryFile) -> None:
    entries = [{key: value for key, value in to_plain(entry).items() if key != "origin"} for entry in file.entries]
    text = msgspec.json.encode({"entries": entries, "edition": file.edition})
    with suppress(StorageError):  # a cache that cannot be written costs time alone
        write_atomically(place, b"\n".join((sha256_of(mark + text).encode(), mark, text)))
