"""The commits that branches and tags were resolved to, in small files of zoo's own cache.

A pull resolves a revision once; later loads read its commit here and send no request.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from zoo._utils.files import read_regular, sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo._utils.strict_json import dump_json, parse_json
from zoo.config import from_plain
from zoo.errors import ReleaseError
from zoo.release.names import check_pin
from zoo.release.snapshots import COMMIT
from zoo.remote.address import Address
from zoo.remote.client import check_address

__all__ = ["PulledRevision", "delete_revision", "read_revision", "read_revisions", "save_revision"]

_LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class PulledRevision:
    """A successful pull: the requested revision, the commit that it was resolved to, and the pin of its zoo.json."""

    endpoint: str
    repo: str
    revision: str
    commit: str
    manifest: str

    def __post_init__(self) -> None:
        check_pin(self.manifest)
        if not COMMIT.fullmatch(self.commit):
            raise ReleaseError(f"commit {self.commit[:60]!r} is not 40 hex digits")


def read_revision(address: Address) -> PulledRevision | None:
    """The revision of an address, or None if it was not pulled or its file cannot be read."""
    return _read(_path(address))


def read_revisions() -> list[PulledRevision]:
    """Every revision that was pulled."""
    revisions = (_read(path) for path in sorted(_folder().glob("*.json")))
    return [revision for revision in revisions if revision is not None]


def save_revision(revision: PulledRevision) -> None:
    """Write a revision's file. Raises StorageError."""
    write_atomically(_path(Address(revision.repo, revision.revision)), dump_json(asdict(revision)))


def delete_revision(revision: PulledRevision) -> None:
    """Remove a revision's file."""
    _path(Address(revision.repo, revision.revision)).unlink(missing_ok=True)


def _read(path: Path) -> PulledRevision | None:
    try:
        plain = parse_json(read_regular(path, _LARGEST), str(path), largest=_LARGEST, error=ReleaseError)
        return from_plain(PulledRevision, plain, str(path), error=ReleaseError)
    except (OSError, ReleaseError):
        return None


def _folder() -> Path:
    return cache_folder() / "pulled"


def _path(address: Address) -> Path:
    check_address()
    from huggingface_hub import constants

    key = sha256_of(f"{constants.ENDPOINT} {address}".encode())
    return _folder() / f"{key[:32]}.json"
