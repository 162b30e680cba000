"""A repository: its files, commits and references, and their ids. No input or output."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from zoo.plugin import dump_json

__all__ = ["KINDS", "Commit", "Key", "Repository", "StoredFile", "check_id", "check_path", "is_large"]

KINDS = ("model", "dataset", "space")
Key = tuple[str, str]
"""The kind and the id of a repository."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_BINARY = (".safetensors", ".npz", ".npy", ".bin", ".onnx", ".parquet", ".gz", ".zip")
_LARGEST_REGULAR = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of a file: the SHA-256 of its bytes, their number, and the git id that the protocol shows.

    A `large` file is uploaded before the commit (git-LFS); its `oid` is that of the pointer file.
    """

    sha256: str
    size: int
    oid: str
    large: bool = False

    @property
    def etag(self) -> str:
        """The file's name in the client's cache."""
        return self.sha256 if self.large else self.oid

    @staticmethod
    def regular(data: bytes) -> StoredFile:
        """A file that is part of a commit."""
        return StoredFile(hashlib.sha256(data).hexdigest(), len(data), _git_id(data))

    @staticmethod
    def lfs(sha256: str, size: int) -> StoredFile:
        """A large file."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return StoredFile(sha256, size, _git_id(pointer.encode()), large=True)


@dataclass(frozen=True, slots=True)
class Commit:
    """All files by path, who committed them, and after which other commit. `date` is ISO 8601 in UTC."""

    id: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: dict[str, StoredFile]

    @staticmethod
    def new(
        files: Mapping[str, StoredFile], parent: str | None, title: str, message: str, author: str, date: str = ""
    ) -> Commit:
        """A commit, dated now if no date is given. Its id, 40 hex digits, is a hash of all its facts."""
        date = date or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        facts = {"parent": parent, "title": title, "message": message, "author": author, "date": date}
        named = {path: [file.sha256, file.size, file.oid] for path, file in files.items()}
        identifier = hashlib.sha1(dump_json({**facts, "files": named})).hexdigest()
        return Commit(identifier, parent, title, message, author, date, dict(files))


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one moment; a change makes another.

    `uploaded` are the digests of the large files that were uploaded to this repository. Only these can be committed to
    it: whoever knows the digest of a private file elsewhere cannot get the file with it.
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
    def path(self) -> str:
        """Its path on the Hub; models have no kind in it."""
        return self.id if self.kind == "model" else f"{self.kind}s/{self.id}"

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
        """Whether a large file of this digest can be committed without another upload."""
        return sha256 in self.uploaded or any(
            file.sha256 == sha256 for commit in self.commits.values() for file in commit.files.values()
        )


def is_large(path: str, size: int) -> bool:
    """Whether a file is uploaded before the commit and is not part of it."""
    return size > _LARGEST_REGULAR or path.lower().endswith(_BINARY)


def check_path(path: str) -> bool:
    """Whether a path can be committed: relative, plain names between `/`, no `.git`."""
    if not path or len(path) > 500 or "\\" in path or any(ord(letter) < 32 for letter in path):
        return False
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in path.split("/"))


def check_id(identifier: str) -> bool:
    """Whether an id is `namespace/name`, both of letters, digits, `.`, `_` and `-`."""
    parts = identifier.split("/")
    return len(parts) == 2 and all(_NAME.fullmatch(part) and ".." not in part for part in parts)


def _git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
