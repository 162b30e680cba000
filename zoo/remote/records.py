"""What was pulled and verified from which address: notes of Zoo's own beside the Hub client's cache.

A branch or a tag is resolved to a commit once; the note is what later loads go by, without a request.
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
from zoo.remote.calls import check_address

__all__ = ["PullRecord", "forget", "read_record", "read_records", "write_record"]

_LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class PullRecord:
    """A pull that succeeded: the revision that was asked for, the commit that it meant, the pin of its zoo.json."""

    endpoint: str
    repo: str
    revision: str
    commit: str
    manifest: str

    def __post_init__(self) -> None:
        check_pin(self.manifest)
        if not COMMIT.fullmatch(self.commit):
            raise ReleaseError(f"commit {self.commit[:60]!r} is not 40 hex digits")


def read_record(address: Address) -> PullRecord | None:
    """The note of an address, or None; one that cannot be read counts as none."""
    return _read(_path(address))


def read_records() -> list[PullRecord]:
    """Every note."""
    found = [_read(path) for path in sorted(_folder().glob("*.json"))]
    return [record for record in found if record is not None]


def write_record(record: PullRecord) -> None:
    """Keep a note. Raises StorageError."""
    write_atomically(_path(Address(record.repo, record.revision)), dump_json(asdict(record)))


def forget(record: PullRecord) -> None:
    """Remove a note."""
    _path(Address(record.repo, record.revision)).unlink(missing_ok=True)


def _read(path: Path) -> PullRecord | None:
    try:
        plain = parse_json(read_regular(path, _LARGEST), str(path), largest=_LARGEST, error=ReleaseError)
        return from_plain(PullRecord, plain, str(path), error=ReleaseError)
    except (OSError, ReleaseError):
        return None


def _folder() -> Path:
    return cache_folder() / "pulled"


def _path(address: Address) -> Path:
    check_address()
    from huggingface_hub import constants

    key = sha256_of(f"{constants.ENDPOINT} {address}".encode())
    return _folder() / f"{key[:32]}.json"
