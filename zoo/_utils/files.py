"""Atomic writing of files and folders: write to a temporary path, fsync, rename. Reading follows no symbolic link."""

from __future__ import annotations

import contextlib
import errno
import glob
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
    "hide",
    "locked",
    "make_folders",
    "open_regular",
    "read_regular",
    "remove",
    "remove_partial",
    "rename",
    "sha256_of",
    "sha256_of_file",
    "write_atomically",
    "write_folder_atomically",
]

_CHUNK = 1 << 20
_LOCK_SECONDS = 0.5
"""How long to wait for a lock: a process that tests whether it is held takes it for a moment."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` and replace an existing file; readers see the old bytes or the new ones.

    Makes missing parent folders. Raises StorageError if the disk is full or the path cannot be written; then no
    temporary file is left.
    """
    temporary = _temporary_path(path)
    with _storage_errors(path):
        try:
            make_folders(path.parent)
            _write_new(temporary, data)
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_folder_atomically(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of plain files, all of them or none. `path` must be absent or an empty folder.

    Raises StorageError if the disk is full, the path cannot be written, or `path` was filled meanwhile (its `__cause__`
    then has errno ENOTEMPTY); then no temporary folder is left.
    """
    temporary = _temporary_path(path)
    with _storage_errors(path):
        try:
            make_folders(path.parent)
            temporary.mkdir()
            for name, data in files.items():
                _write_new(temporary / name, data)
            _sync_folder(temporary)
            if path.is_dir():
                path.rmdir()  # fails for a folder that is not empty; Windows cannot rename over an empty one
            os.rename(temporary, path)
            _sync_folder(path.parent)
        finally:
            # after the rename there is nothing to remove; after an error, that error matters and not this one
            shutil.rmtree(temporary, ignore_errors=True)


def make_folders(path: Path) -> None:
    """Make a folder and its missing parents, however many. Raises OSError: of 4,000 parts that the name is too long,
    where `mkdir(parents=True)` runs out of stack."""
    with contextlib.suppress(FileNotFoundError):
        path.stat()  # else half of a name that is too long would be made
    missing = []
    for folder in (path, *path.parents):
        if os.path.isdir(folder):
            break
        missing.append(folder)
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if there is one. Raises StorageError."""
    with _storage_errors(path):
        path.unlink(missing_ok=True)


def rename(path: Path, new: Path) -> None:
    """Rename a file or folder in one step. Raises StorageError."""
    with _storage_errors(path):
        os.rename(path, new)
        _sync_folder(new.parent)


def hide(path: Path) -> None:
    """Rename a folder in one step to what `remove_partial` removes: it is never seen half removed. Raises
    StorageError."""
    rename(path, _temporary_path(path))


def remove_partial(folder: Path, name: str = "") -> None:
    """Remove what writes in `folder` left that were killed: those to `name`, or all. Hold the lock of what is written
    there, since the unfinished writes of other processes are removed too. What cannot be removed stays, hidden."""
    for partial in folder.glob(f".{glob.escape(name) or '*'}.*.partial") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()


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


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 (hex) and the size of a regular file, read once in chunks. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError; symbolic links are refused."""
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link", str(path))
    # without O_NONBLOCK, opening a named pipe would wait for a writer
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # not every system has all three
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def locked(path: Path, busy: ZooError | None, hint: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; makes missing parent folders.

    If another process holds it, raises `busy`, or waits if that is None. Raises StorageError with `hint` if it cannot
    be written.
    """
    import filelock  # imports asyncio, which a listing does not need

    lock = filelock.FileLock(path)
    try:
        make_folders(path.parent)
        lock.acquire(timeout=-1 if busy is None else _LOCK_SECONDS)
    except filelock.Timeout:
        assert busy is not None, "what waits without end does not time out"
        raise busy from None
    except OSError as error:
        raise StorageError(f"cannot write {path.parent}: {error.strerror or error}", hint) from error
    try:
        yield
    finally:
        lock.release()


def _temporary_path(path: Path) -> Path:
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
