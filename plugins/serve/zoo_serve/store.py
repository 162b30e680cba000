"""Where repositories are stored: a folder with one JSON file for each repository, and one file for each blob. Beside
them are the collections that show them.

A change is made to a copy of a repository under a lock, and written to disk before readers get it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import AsyncIterable, Callable, Mapping
from pathlib import Path

import anyio
import msgspec

from zoo.plugin import ReleaseError, StorageError, from_plain, parse_json, write_atomically
from zoo_serve.collection_store import Collections
from zoo_serve.repository import KINDS, Key, Repository, StoredFile, check_id

__all__ = ["Store"]

_LARGEST_RECORD = 1 << 28


class Store:
    """Repositories by kind and id. `fixed` ones cannot be changed; `paths` are the places of their files by sha256.

    Raises ReleaseError if a repository's record on disk cannot be read.
    """

    def __init__(
        self, folder: Path, fixed: Mapping[Key, Repository] | None = None, paths: Mapping[str, Path] | None = None
    ) -> None:
        self._folder = folder
        self._fixed = dict(fixed or {})
        self._paths = dict(paths or {})
        self._lock = threading.Lock()
        self.collections = Collections(folder / "collections")
        self._repositories = {**_read_all(folder / "repos"), **self._fixed}

    def find(self, kind: str, identifier: str) -> Repository | None:
        """The repository as it is now."""
        return self._repositories.get((kind, identifier))

    def all(self, kind: str) -> list[Repository]:
        """Every repository of a kind, the one with the newest commit first."""
        repositories = [one for (of, _), one in list(self._repositories.items()) if of == kind]
        return sorted(repositories, key=lambda one: one.head.date, reverse=True)

    def is_fixed(self, kind: str, identifier: str) -> bool:
        """Whether nobody can change the repository."""
        return (kind, identifier) in self._fixed

    def add(self, repository: Repository) -> bool:
        """Add a new repository; False if there is one of that name."""
        key = (repository.kind, repository.id)
        with self._lock:
            if key in self._repositories:
                return False
            self._write(repository)
            self._repositories[key] = repository
        return True

    def change(self, kind: str, identifier: str, edit: Callable[[Repository], Repository]) -> Repository:
        """Replace a repository by the result of `edit`; if `edit` raises, nothing changes."""
        key = (kind, identifier)
        with self._lock:
            changed = edit(self._repositories[key])
            if changed is not self._repositories[key]:
                self._write(changed)
                self._repositories[key] = changed
            return changed

    def remove(self, kind: str, identifier: str) -> None:
        """Remove a repository, but not its blobs: others may use them."""
        key = (kind, identifier)
        with self._lock:
            self._record(kind, identifier).unlink(missing_ok=True)
            self._repositories.pop(key, None)

    def put(self, data: bytes) -> StoredFile:
        """Store the bytes of a regular file."""
        file = StoredFile.regular(data)
        if not self._blob(file.sha256).exists():
            write_atomically(self._blob(file.sha256), data)
        return file

    async def receive(self, chunks: AsyncIterable[bytes], size: int, sha256: str) -> bool:
        """Store a large file as it arrives; False, and nothing is stored, if its size or its sha256 is another."""
        path = self._blob(sha256)
        aside = path.with_name(f".{sha256}.{secrets.token_hex(6)}.partial")
        digest, received = hashlib.sha256(), 0
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            async with await anyio.open_file(aside, "xb") as file:
                async for chunk in chunks:
                    digest.update(chunk)
                    received += len(chunk)
                    await file.write(chunk)
                await file.flush()
                await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
            if received != size or digest.hexdigest() != sha256:
                return False
            os.replace(aside, path)
        except OSError as error:
            raise StorageError(f"cannot keep an upload in {path.parent}: {error.strerror or error}") from error
        finally:
            aside.unlink(missing_ok=True)
        return True

    def path(self, sha256: str) -> Path:
        """Where the bytes of a file are."""
        return self._paths.get(sha256) or self._blob(sha256)

    def size(self, sha256: str) -> int | None:
        """The size of a blob; None if it is not stored."""
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


def _read_all(folder: Path) -> dict[Key, Repository]:
    repositories: dict[Key, Repository] = {}
    for kind in KINDS:
        for path in sorted((folder / f"{kind}s").glob("*.json")):
            plain = parse_json(path.read_bytes(), str(path), largest=_LARGEST_RECORD, error=ReleaseError)
            repository = from_plain(Repository, plain, str(path), error=ReleaseError)
            if repository.kind != kind or not check_id(repository.id) or "main" not in repository.branches:
                raise ReleaseError(f"{path} is not the record of a {kind}", "Move it away, or restore it from a copy.")
            repositories[kind, repository.id] = repository
    return repositories
