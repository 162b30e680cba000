"""Files that are either whole or absent, whatever happens in between: write aside, fsync, rename.

Used for releases, checkpoints and pictures. Reading goes through descriptors that follow no symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from zoo.errors import StorageError, ZooError

__all__ = [
    "hash_file",
    "locked",
    "open_regular",
    "read_regular",
    "sha256_of",
    "write_atomically",
    "write_folder_atomically",
]

_CHUNK = 1 << 20
_LOCK_SECONDS = 0.5
"""Whoever asks whether a lock is held holds it for a moment."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what was there; a reader sees the old bytes or the new ones.

    Makes missing parent folders. Raises StorageError, with nothing left behind, when the disk is full or the
    place cannot be written.
    """
    aside = _aside(path)
    with _storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_new(aside, data)
            os.replace(aside, path)
            _sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)


def write_folder_atomically(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of plain files, all or nothing. `path` must be absent or an empty folder.

    Raises StorageError, with nothing left behind, when the disk is full, the place cannot be written, or
    `path` was filled meanwhile (its `__cause__` then has errno ENOTEMPTY).
    """
    aside = _aside(path)
    with _storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.mkdir()
            for name, data in files.items():
                _write_new(aside / name, data)
            _sync_folder(aside)
            if path.is_dir():
                path.rmdir()  # refuses a folder that is not empty; Windows cannot rename over an empty one
            os.rename(aside, path)
            _sync_folder(path.parent)
        finally:
            # Gone after the rename; after a failure the first error is the one to tell.
            shutil.rmtree(aside, ignore_errors=True)


def read_regular(path: Path, largest: int) -> bytes:
    """The bytes of a regular file of at most `largest` bytes. Raises OSError; symbolic links are refused."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise OSError(errno.EFBIG, f"{size:,} bytes; at most {largest:,} are read", str(path))
        data = file.read(largest + 1)
        if len(data) > largest:
            raise OSError(errno.EFBIG, f"it grew beyond {largest:,} bytes while it was read", str(path))
        return data


def sha256_of(data: bytes) -> str:
    """The SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 (hex) and the size of a regular file, read once in pieces. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def open_regular(path: Path) -> BinaryIO:
    """A regular file, to be read. Raises OSError; symbolic links are refused."""
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link", str(path))
    # O_NONBLOCK: opening a named pipe would wait for a writer.
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # not every system has all three
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def locked(path: Path, busy: ZooError, elsewhere: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; makes missing parent folders.

    Raises `busy` when another process holds it, StorageError with the hint `elsewhere` when it cannot be written.
    """
    import filelock  # it brings asyncio, and a listing locks nothing

    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_LOCK_SECONDS)
    except filelock.Timeout:
        raise busy from None
    except OSError as error:
        raise StorageError(f"cannot write {path.parent}: {error.strerror or error}", elsewhere) from error
    try:
        yield
    finally:
        lock.release()


def _aside(path: Path) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(6)}.partial"


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "Free some space or choose another place, then try again."
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            hint = "Choose a folder that you may write to."
        raise StorageError(f"cannot write {path}: {error.strerror or error}", hint) from error
