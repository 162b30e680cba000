"""What a repository consists of: files, commits, references. Facts and their ids; no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from zoo._utils.strict_json import dump_json

__all__ = [
    "KINDS",
    "Commit",
    "Repository",
    "StoredFile",
    "blob_oid",
    "check_id",
    "check_path",
    "commit_of",
    "is_large",
    "now",
    "pointer_oid",
]

KINDS = ("model", "dataset", "space")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_BINARY = (".safetensors", ".npz", ".npy", ".bin", ".onnx", ".parquet", ".gz", ".zip")
_LARGEST_REGULAR = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of a file: the SHA-256 of its bytes, their number, and the git id that the protocol shows.

    A `large` file is uploaded by itself before the commit (git-LFS); its `oid` is that of the pointer file.
    """

    sha256: str
    size: int
    oid: str
    large: bool = False

    @property
    def etag(self) -> str:
        """What the client keeps the file under in its cache."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of all files, by path, and who made it from which other state. `date` is ISO 8601 in UTC."""

    id: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: dict[str, StoredFile]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one moment; changing one makes another.

    `uploaded` holds the digests of large files that came through this repository: only these can be committed to it,
    so that knowing the digest of a private file elsewhere does not give the file away.
    """

    kind: str
    id: str
    private: bool
    created: str
    commits: dict[str, Commit]
    branches: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    uploaded: tuple[str, ...] = ()
    gated: bool = False

    @property
    def namespace(self) -> str:
        """The user or organisation that it belongs to."""
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        """The newest commit of `main`."""
        return self.commits[self.branches["main"]]

    def find(self, revision: str) -> Commit | None:
        """The commit of a branch, a tag, a commit id or HEAD."""
        if revision == "HEAD":
            return self.head
        name = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(name)

    def holds(self, sha256: str) -> bool:
        """Whether a large file of this digest may be committed without being uploaded again."""
        return sha256 in self.uploaded or any(
            file.sha256 == sha256 for commit in self.commits.values() for file in commit.files.values()
        )


def commit_of(
    files: Mapping[str, StoredFile], *, parent: str | None, title: str, message: str, author: str, date: str
) -> Commit:
    """A commit whose id, 40 hex digits, follows from all that it says."""
    facts = {
        "files": {path: [file.sha256, file.size, file.oid] for path, file in files.items()},
        "parent": parent,
        "title": title,
        "message": message,
        "author": author,
        "date": date,
    }
    return Commit(hashlib.sha1(dump_json(facts)).hexdigest(), parent, title, message, author, date, dict(files))


def blob_oid(data: bytes) -> str:
    """The id that git gives to a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer_oid(sha256: str, size: int) -> str:
    """The git id of the pointer that stands for a large file."""
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return blob_oid(text.encode())


def is_large(path: str, size: int) -> bool:
    """Whether a file is uploaded by itself and not inside the commit."""
    return size > _LARGEST_REGULAR or path.lower().endswith(_BINARY)


def check_path(path: str) -> bool:
    """Whether a path may be committed: relative, `/` between plain names, nothing of git's."""
    if not path or len(path) > 500 or "\\" in path or any(ord(letter) < 32 for letter in path):
        return False
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in path.split("/"))


def check_id(identifier: str) -> bool:
    """Whether a repository may be called so: `namespace/name`."""
    parts = identifier.split("/")
    return len(parts) == 2 and all(_NAME.fullmatch(part) and ".." not in part for part in parts)


def now() -> str:
    """The time, to the microsecond, as the protocol writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
