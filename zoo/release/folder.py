"""Release folders: read pinned files, verify them, and write a complete folder or none.

The bytes that are used are the bytes that were hashed. No file is opened through a symbolic link (for a snapshot in the
Hub's cache, the blobs themselves are opened). No network, no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from zoo._utils.files import hash_file, open_regular, read_regular, sha256_of, write_folder_atomically
from zoo._utils.hash_cache import HashCache
from zoo.errors import IntegrityError, ReleaseError, StorageError
from zoo.release.manifest import MANIFEST, FileEntry, Manifest, PartEntry, manifest_bytes, parse_manifest
from zoo.release.snapshots import snapshot_file

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
    """The manifest of a folder, checked. Raises ReleaseError with the file, the key and what is allowed."""
    return parse_manifest(read_manifest_bytes(folder), str(folder / MANIFEST))


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of a folder's zoo.json, at most 1 MB, as pins hash them. Raises ReleaseError."""
    try:
        return read_regular(snapshot_file(folder, MANIFEST), _LARGEST_MANIFEST)
    except FileNotFoundError:
        raise ReleaseError(
            f"{folder} is not a release: it has no {MANIFEST}", "Give the folder that holds it, or a name."
        ) from None
    except OSError as error:
        raise ReleaseError(f"{folder / MANIFEST} cannot be read: {error.strerror or error}") from None


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that the folder has every pinned file, byte for byte, and no other.

    Hidden entries (`.gitattributes`, `.cache`) are skipped. Raises IntegrityError with the first file that is missing,
    differs, is not a regular file or is not pinned.
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
    """Whether a file has the pinned bytes; it is hashed in chunks. Raises IntegrityError if it cannot be read."""
    try:
        digest, size = hash_file(snapshot_file(folder, name))
    except OSError as error:
        raise _unreadable(folder / name, error) from None
    return (digest, size) == (entry.sha256, entry.size)


def read_part(folder: Path, entry: PartEntry, hashes: HashCache | None = None) -> bytes:
    """The bytes of a part's file, read once; the same bytes were hashed. Raises IntegrityError."""
    return read_pinned(folder, entry.file, entry.pin, hashes)


def read_pinned(folder: Path, name: str, entry: FileEntry, hashes: HashCache | None = None) -> bytes:
    """The bytes of a pinned file, read once; the same bytes were hashed. Raises IntegrityError.

    With `hashes`, a file that was hashed before and has not changed since is not hashed again.
    """
    path = folder / name
    try:
        with open_regular(snapshot_file(folder, name)) as file:
            before = os.fstat(file.fileno())
            data = file.read(entry.size + 1) if before.st_size == entry.size else b""
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from None
    if before.st_size != entry.size or len(data) != entry.size:
        _compare(path, entry, "", before.st_size if before.st_size != entry.size else len(data))
    unchanged = _state(before) == _state(after)
    if hashes is not None and unchanged and hashes.knows(name, after, entry.sha256):
        return data
    _compare(path, entry, sha256_of(data), len(data))
    if hashes is not None and unchanged:
        hashes.add(name, after, entry.sha256)
    return data


def pin_file(data: bytes) -> FileEntry:
    """The manifest entry that pins these bytes."""
    return FileEntry(sha256_of(data), len(data))


def write_release(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a complete release folder or none. `files` are all pinned files, without zoo.json.

    A folder with the same bytes is left unchanged. Raises IntegrityError if `files` differ from the manifest's pins,
    ReleaseError if the folder has other contents, StorageError if it cannot be written.
    """
    pinned = manifest.pinned
    if unmatched := sorted(set(pinned) ^ set(files)):
        state = "is pinned but not given" if unmatched[0] in pinned else "is given but not pinned"
        raise IntegrityError(f"{manifest.name}: {unmatched[0]} {state}")
    for name, entry in pinned.items():
        _compare(folder / name, entry, sha256_of(files[name]), len(files[name]))
    contents = {**files, MANIFEST: manifest_bytes(manifest)}
    if _is_occupied(folder):
        _require_same(folder, contents)
        return
    try:
        write_folder_atomically(folder, contents)
    except StorageError as error:
        if not _is_occupied(folder):
            raise
        # another process wrote here meanwhile, perhaps the same release
        try:
            _require_same(folder, contents)
        except ReleaseError as different:
            raise different from error


def _is_occupied(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ReleaseError(f"{folder} cannot become a release folder: {error.strerror or error}") from None


def _require_same(folder: Path, contents: Mapping[str, bytes]) -> None:
    problem = ReleaseError(
        f"{folder} already exists and holds something else",
        "Versions are immutable: raise the version or choose another folder.",
    )
    present = {name for name in os.listdir(folder) if not name.startswith(".")}
    if present != set(contents):
        raise problem
    for name, data in contents.items():
        try:
            same = read_regular(folder / name, len(data)) == data
        except OSError:
            same = False  # larger, a link or unreadable: not the same file in any case
        if not same:
            raise problem


def _verify_file(folder: Path, name: str, entry: FileEntry) -> None:
    path = snapshot_file(folder, name)
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
        raise IntegrityError(f"{path} has sha256 {digest[:12]}...; its manifest pins {entry.sha256[:12]}...", _AGAIN)


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    if isinstance(error, FileNotFoundError):
        return IntegrityError(f"{path} is missing", _AGAIN)
    return IntegrityError(f"{path} cannot be read: {error.strerror or error}", _AGAIN)
