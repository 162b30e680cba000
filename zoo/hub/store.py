"""Where repositories live: one JSON file each and a folder of blobs, all in one place on disk.

A change is made to a copy of a repository under its lock, written whole, and only then seen by readers.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from zoo._utils.files import write_atomically
from zoo._utils.strict_json import convert, parse_json
from zoo.errors import ReleaseError, StorageError
from zoo.hub.objects import KINDS, Repository, StoredFile, blob_oid, check_id, pointer_oid

__all__ = ["Store"]

_PIECE = 1 << 20
_LARGEST_RECORD = 1 << 28

Key = tuple[str, str]


class Store:
    """Repositories by kind and id. `shelf` and `shelved` are files that lie elsewhere, only to be read.

    Raises ReleaseError when a repository's record on disk cannot be read.
    """

    def __init__(
        self, folder: Path, shelf: Mapping[Key, Repository] | None = None, shelved: Mapping[str, Path] | None = None
    ) -> None:
        self._folder = folder
        self._shelf = dict(shelf or {})
        self._shelved = dict(shelved or {})
        self._guard = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}
        self._repositories = {**_read_all(folder / "repos"), **self._shelf}

    def find(self, kind: str, identifier: str) -> Repository | None:
        """The repository as it is now."""
        return self._repositories.get((kind, identifier))

    def all(self, kind: str) -> list[Repository]:
        """Every repository of a kind, the newest commit first."""
        found = [repository for (of, _), repository in self._repositories.items() if of == kind]
        return sorted(found, key=lambda one: one.head.date, reverse=True)

    def is_fixed(self, kind: str, identifier: str) -> bool:
        """Whether it is one of the shelf's, which nobody can change."""
        return (kind, identifier) in self._shelf

    def add(self, repository: Repository) -> bool:
        """Add a new repository; False if one of that name is there."""
        key = (repository.kind, repository.id)
        with self._lock(key):
            if key in self._repositories:
                return False
            self._write(repository)
            self._repositories[key] = repository
        return True

    def change(self, kind: str, identifier: str, edit: Callable[[Repository], Repository]) -> Repository:
        """Replace a repository by what `edit` makes of it; what `edit` raises leaves it as it was."""
        key = (kind, identifier)
        with self._lock(key):
            changed = edit(self._repositories[key])
            if changed is not self._repositories[key]:
                self._write(changed)
                self._repositories[key] = changed
            return changed

    def remove(self, kind: str, identifier: str) -> None:
        """Forget a repository; its blobs stay for others."""
        key = (kind, identifier)
        with self._lock(key):
            self._record(kind, identifier).unlink(missing_ok=True)
            self._repositories.pop(key, None)

    def put(self, data: bytes, *, large: bool = False) -> StoredFile:
        """Keep the bytes of a file."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._blob(sha256)
        if not path.exists():
            write_atomically(path, data)
        oid = pointer_oid(sha256, len(data)) if large else blob_oid(data)
        return StoredFile(sha256, len(data), oid, large)

    def receive(self, stream: BinaryIO, size: int, sha256: str) -> bool:
        """Keep `size` bytes of a stream; False, and nothing is kept, if they are fewer or have another digest."""
        path = self._blob(sha256)
        aside = path.with_name(f".{sha256}.{secrets.token_hex(6)}.partial")
        aside.parent.mkdir(parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), size
        try:
            with aside.open("xb") as file:
                while left and (piece := stream.read(min(_PIECE, left))):
                    digest.update(piece)
                    file.write(piece)
                    left -= len(piece)
                file.flush()
                os.fsync(file.fileno())
            if left or digest.hexdigest() != sha256:
                return False
            os.replace(aside, path)
        except OSError as error:
            raise StorageError(f"cannot keep an upload in {path.parent}: {error.strerror or error}") from error
        finally:
            aside.unlink(missing_ok=True)
        return True

    def path(self, sha256: str) -> Path:
        """Where the bytes of a file lie."""
        return self._shelved.get(sha256) or self._blob(sha256)

    def size(self, sha256: str) -> int | None:
        """How many bytes a kept blob has, or None."""
        try:
            return self.path(sha256).stat().st_size
        except OSError:
            return None

    def _blob(self, sha256: str) -> Path:
        return self._folder / "blobs" / sha256

    def _record(self, kind: str, identifier: str) -> Path:
        return self._folder / "repos" / f"{kind}s" / f"{identifier.replace('/', '--')}.json"

    def _write(self, repository: Repository) -> None:
        write_atomically(self._record(repository.kind, repository.id), msgspec.json.encode(repository))

    def _lock(self, key: Key) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


def _read_all(folder: Path) -> dict[Key, Repository]:
    found: dict[Key, Repository] = {}
    for kind in KINDS:
        for path in sorted((folder / f"{kind}s").glob("*.json")):
            plain = parse_json(path.read_bytes(), str(path), largest=_LARGEST_RECORD, error=ReleaseError)
            repository = convert(Repository, plain, str(path))
            if repository.kind != kind or not check_id(repository.id) or "main" not in repository.branches:
                raise ReleaseError(f"{path} is not the record of a {kind}", "Move it away, or restore it from a copy.")
            found[kind, repository.id] = repository
    return found
