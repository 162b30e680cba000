"""Where the bytes of a file of a release lie: in the folder itself, or, in the Hub client's cache, among its blobs.

A snapshot in that cache, `models--org--name/snapshots/<commit>/`, holds links `../../blobs/<digest>`. Just these are
followed, once, and only into the blobs of the same repository; every other symbolic link stays refused by whoever
opens the file. No network.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

__all__ = ["COMMIT", "file_in", "is_snapshot"]

COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_UP = os.path.join("..", "..", "blobs", "")


def file_in(folder: Path, name: str) -> Path:
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


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
