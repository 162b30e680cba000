"""A release folder on disk: read what its manifest pins, check it, write it whole or not at all.

The bytes that are used are the bytes that were hashed; no file is opened through a symbolic link (of a snapshot in the
Hub's cache the blobs themselves are opened). No network, no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from zoo._utils.files import hash_file, open_regular, read_regular, sha256_of, write_folder_atomically
from zoo._utils.hash_cache import HashCache
from zoo.errors import IntegrityError, ReleaseError, StorageError
from zoo.release.manifest import MANIFEST, FileEntry, Manifest, PartEntry, manifest_bytes, parse_manifest
from zoo.release.snapshots import file_in

__all__ = [
    "is_as_pinned",
    "pin_file",
    "read_manifest",
    "read_manifest_bytes",
    "read_part",
    "read_pinned",
    "verify_files",
    "write_release",
]

_LARGEST_MANIFEST = 1_000_000
_AGAIN = "Pull the release again; if that does not help, its publisher must repair it."


def read_manifest(folder: Path) -> Manifest:
    """The checked manifest of a folder. Raises ReleaseError naming the file, the key and what is allowed."""
    return parse_manifest(read_manifest_bytes(folder), str(folder / MANIFEST))


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of a folder's zoo.json, at most 1 MB; whoever pins them hashes these. Raises ReleaseError."""
    try:
        return read_regular(file_in(folder, MANIFEST), _LARGEST_MANIFEST)
    except FileNotFoundError:
        raise ReleaseError(
            f"{folder} is not a release: it has no {MANIFEST}", "Give the folder that holds it, or a name."
        ) from None
    except OSError as error:
        raise ReleaseError(f"{folder / MANIFEST} cannot be read: {error.strerror or error}") from None


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds every pinned file, byte for byte, and nothing else.

    Hidden entries (`.gitattributes`, `.cache`) are passed over. Raises IntegrityError naming the first file
    that is missing, differs, is not a regular file or is not pinned.
    """
    for name in sorted(manifest.pinned):
        _verify_file(folder, name, manifest.pinned[name])
    try:
        present = sorted(os.listdir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from None
    known = {MANIFEST, *manifest.pinned}
    for name in present:
        if name not in known and not name.startswith("."):
            raise IntegrityError(f"{folder / name} is not pinned by {MANIFEST}", "Remove it.")


def is_as_pinned(folder: Path, name: str, entry: FileEntry) -> bool:
    """Whether a file has the pinned bytes; it is hashed in pieces. Raises IntegrityError for one that is missing."""
    try:
        digest, size = hash_file(file_in(folder, name))
    except OSError as error:
        raise _unreadable(folder / name, error) from None
    return (digest, size) == (entry.sha256, entry.size)


def read_part(folder: Path, entry: PartEntry, checked: HashCache | None = None) -> bytes:
    """The bytes of a part's file, read once; these very bytes were hashed. Raises IntegrityError."""
    return read_pinned(folder, entry.file, entry.pin, checked)


def read_pinned(folder: Path, name: str, entry: FileEntry, checked: HashCache | None = None) -> bytes:
    """The bytes of any pinned file, read once; these very bytes were hashed. Raises IntegrityError.

    With `checked`, a file that was hashed before and has not changed since is not hashed again.
    """
    path = folder / name
    try:
        with open_regular(file_in(folder, name)) as file:
            before = os.fstat(file.fileno())
            data = file.read(entry.size + 1) if before.st_size == entry.size else b""
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from None
    if before.st_size != entry.size or len(data) != entry.size:
        _compare(path, entry, "", before.st_size if before.st_size != entry.size else len(data))
    still = _state(before) == _state(after)
    if checked is not None and still and checked.knows(name, after, entry.sha256):
        return data
    _compare(path, entry, sha256_of(data), len(data))
    if checked is not None and still:
        checked.note(name, after, entry.sha256)
    return data


def pin_file(data: bytes) -> FileEntry:
    """How a manifest pins these bytes."""
    return FileEntry(sha256_of(data), len(data))


def write_release(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a release folder, whole or not at all. `files` holds every pinned file and not zoo.json.

    A folder that already holds these very bytes is left as it is. Raises IntegrityError when `files` are not
    what the manifest pins, ReleaseError when the folder holds anything else, StorageError when it cannot be
    written.
    """
    pinned = manifest.pinned
    odd = sorted(set(pinned) ^ set(files))
    if odd:
        state = "is pinned but not given" if odd[0] in pinned else "is given but not pinned"
        raise IntegrityError(f"{manifest.name}: {odd[0]} {state}")
    for name, entry in pinned.items():
        _compare(folder / name, entry, sha256_of(files[name]), len(files[name]))
    whole = {**files, MANIFEST: manifest_bytes(manifest)}
    if _occupied(folder):
        _require_same(folder, whole)
        return
    try:
        write_folder_atomically(folder, whole)
    except StorageError as error:
        if not _occupied(folder):
            raise
        # Someone else published here meanwhile: fine if it is the same release.
        try:
            _require_same(folder, whole)
        except ReleaseError as taken:
            raise taken from error


def _occupied(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ReleaseError(f"{folder} cannot become a release folder: {error.strerror or error}") from None


def _require_same(folder: Path, whole: Mapping[str, bytes]) -> None:
    problem = ReleaseError(
        f"{folder} already exists and holds something else",
        "Versions are immutable: raise the version or choose another folder.",
    )
    sanitize = {name for name in os.listdir(folder) if not name.startswith(".")}
    if sanitize != set(whole):
        raise problem
    for name, data in whole.items():
        try:
            same = read_regular(folder / name, len(data)) == data
        except OSError:
            same = False  # larger, a link or unreadable: not the same release in any case
        if not same:
            raise problem


def _verify_file(folder: Path, name: str, entry: FileEntry) -> None:
    path = file_in(folder, name)
    try:
        size = os.lstat(path).st_size
        digest, read = hash_file(path) if size == entry.size else ("", size)
    except OSError as error:
        raise _unreadable(folder / name, error) from None
    _compare(folder / name, entry, digest, read)


def _state(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)


def _compare(path: Path, entry: FileEntry, digest: str, size: int) -> None:
    if size != entry.size:
        raise IntegrityError(f"{path} has {size:,} bytes; its manifest pins {entry.size:,}", _AGAIN)
    if digest != entry.sha256:
        found, pinned = digest[:12], entry.sha256[:12]
        raise IntegrityError(f"{path} has sha256 {found}...; its manifest pins {pinned}...", _AGAIN)


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    if isinstance(error, FileNotFoundError):
        return IntegrityError(f"{path} is missing", _AGAIN)
    return IntegrityError(f"{path} cannot be read: {error.strerror or error}", _AGAIN)
