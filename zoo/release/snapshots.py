"""Paths of a release's files: in the folder itself or, in the cache of the Hub's client, in the repository's blobs.

A snapshot in that cache, `models--org--name/snapshots/<commit>/`, has links `../../blobs/<digest>`. Only such a link is
followed, once, into the blobs of the same repository; any other symbolic link is refused when the file is opened. No
network.
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
    """The path to open for a release's file. It may be missing, or a symbolic link, which opening refuses."""
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
    """Whether a folder is a snapshot of one commit in the cache of the Hub's client."""
    return bool(
        COMMIT.fullmatch(folder.name)
        and folder.parent.name == "snapshots"
        and folder.parent.parent.name.startswith("models--")
    )


def repository_of(folder: Path) -> str:
    """`hub:org/name@commit` of a snapshot's folder; empty for any other folder."""
    if not is_snapshot(folder):
        return ""
    repo = folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return f"hub:{repo}@{folder.name}"


def is_named_after(path: Path, data: bytes) -> bool:
    """Whether a blob's bytes match its name, which is git's object id or the SHA-256."""
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
