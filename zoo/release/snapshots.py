"""Where the bytes of a file of a release lie: in the folder itself, or, in the Hub client's cache, among its blobs.

A snapshot in that cache, `models--org--name/snapshots/<commit>/`, holds links `../../blobs/<digest>`. Just these are
followed, once, and only into the blobs of the same repository; every other symbolic link stays refused by whoever
opens the file. No network.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from zoo._utils.files import sha256_of

__all__ = ["COMMIT", "is_named_after", "is_snapshot", "repository_of", "snapshot_file"]

COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_UP = os.path.join("..", "..", "blobs", "")


def snapshot_file(folder: Path, name: str) -> Path:
    """The path to open for a release's file; it may still be missing, or a link that is then refused."""
    path = folder / name
    if not is_snapshot(folder):
        return path
    try:
        target = os.readlink(path)
    except OSError:
        return path
    blobs = folder.parent.parent / "blobs"
    digest = target.removeprefix(_UP)
    if digest == target or not _DIGEST.fullmatch(digest) or not _is_real_folder(blobs):
        return path
    return blobs / digest


def is_snapshot(folder: Path) -> bool:
    """Whether a folder lies where the Hub client keeps the files of one commit."""
    return bool(
        COMMIT.fullmatch(folder.name)
        and folder.parent.name == "snapshots"
        and folder.parent.parent.name.startswith("models--")
    )


def repository_of(folder: Path) -> str:
    """`hub:org/name@commit` of a snapshot's folder; empty for any other."""
    if not is_snapshot(folder):
        return ""
    repo = folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return f"hub:{repo}@{folder.name}"


def is_named_after(path: Path, data: bytes) -> bool:
    """Whether a blob of the cache has the bytes that its name says: the client names it by git's id or by SHA-256."""
    if not _DIGEST.fullmatch(path.name):
        return True
    if len(path.name) == 64:
        return sha256_of(data) == path.name
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == path.name


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
