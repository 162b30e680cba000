"""A release on the Hub, written `hub:org/name[@revision]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoo.errors import ConfigError
from zoo.release.snapshots import COMMIT

__all__ = ["SCHEME", "Address", "as_address", "check_repo", "parse_address"]

SCHEME = "hub:"
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(rf"{_WORD}/{_WORD}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository and one of its revisions: a branch, a tag, or a commit of 40 hex digits."""

    repo: str
    revision: str = "main"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit: unlike a branch or a tag, it cannot move."""
        return COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo}@{self.revision}"


def check_repo(repo: str) -> None:
    """Raise ConfigError unless `repo` is `namespace/name`."""
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo:
        raise ConfigError(
            f"{repo[:120]!r} is not a repository of the Hub", "Write namespace/name, for example ann/digits."
        )


def parse_address(text: str) -> Address:
    """`hub:org/name`, `hub:org/name@v1.0.0` or `hub:org/name@<40 hex>`. Raises ConfigError."""
    repo, at, revision = text.removeprefix(SCHEME).partition("@")
    check_repo(repo)
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise ConfigError(f"{revision[:100]!r} is not a revision", "Use a branch, a tag, or a commit of 40 hex digits.")
    return Address(repo, revision or "main")


def as_address(text: str) -> str:
    """The address that `org/name[@revision]` probably means, `hub:` and the text; empty if it cannot be one."""
    try:
        parse_address(text)
    except ConfigError:
        return ""
    return f"{SCHEME}{text.removeprefix(SCHEME)}"
