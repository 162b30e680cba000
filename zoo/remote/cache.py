"""What of the Hub client's cache are releases of Zoo: list, check, remove. Everything else in it is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ConfigError, IntegrityError, ReleaseError, UnknownName, near
from zoo.release.folder import read_manifest, verify_files
from zoo.release.manifest import MANIFEST, Manifest
from zoo.release.snapshots import repository_of
from zoo.remote.address import SCHEME, parse_address
from zoo.remote.calls import check_address
from zoo.remote.pull import cached
from zoo.remote.records import forget, read_records

if TYPE_CHECKING:
    from huggingface_hub import DeleteCacheStrategy

__all__ = ["CachedRelease", "Removal", "check", "kept", "plan_removal", "remove"]


@dataclass(frozen=True, slots=True)
class CachedRelease:
    """A release in the cache, at one commit; `name` and `version` are empty where its zoo.json cannot be read.

    One that is not `whole` lacks files: its pull was interrupted. Nothing loads it; pulling again goes on with it.
    """

    address: str
    folder: Path
    name: str
    version: str
    size: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Removal:
    """What would go, and how many bytes that frees."""

    releases: tuple[CachedRelease, ...]
    frees: int


def kept() -> list[CachedRelease]:
    """The releases in the cache. No request."""
    found = []
    for folder, size in _snapshots():
        manifest = _manifest(folder)
        name, version = (manifest.name, manifest.version) if manifest else ("", "")
        address = repository_of(folder)
        found.append(CachedRelease(address, folder, name, version, size, _is_whole(address)))
    return sorted(found, key=lambda one: one.address)


def check(release: CachedRelease) -> str:
    """Hash every file; what is wrong in one line, or nothing."""
    try:
        verify_files(release.folder, read_manifest(release.folder))
    except ReleaseError as error:
        return error.message
    return ""


def plan_removal(names: Iterable[str]) -> Removal:
    """The releases of these names, addresses (any commit, or one) or folders. Raises UnknownName."""
    there = kept()
    chosen: dict[str, CachedRelease] = {}
    for name in names:
        matching = [one for one in there if _is_meant(name, one)]
        if not matching:
            raise UnknownName(
                f"{name!r} is not in the cache", near(name, [one.address for one in there]) or "It holds nothing."
            )
        chosen |= {one.address: one for one in matching}
    return Removal(tuple(chosen.values()), _strategy(chosen.values()).expected_freed_size if chosen else 0)


def remove(removal: Removal) -> None:
    """Delete them, the blobs that nothing else uses, and the notes about them."""
    if not removal.releases:
        return
    _strategy(removal.releases).execute()
    gone = {one.address for one in removal.releases}
    for record in read_records():
        if f"{SCHEME}{record.repo}@{record.commit}" in gone:
            forget(record)


def _is_meant(name: str, release: CachedRelease) -> bool:
    if name in (release.address, release.name, f"{release.name}@{release.version}", str(release.folder)):
        return True
    return (
        name.startswith(SCHEME) and "@" not in name and parse_address(name).repo == parse_address(release.address).repo
    )


def _snapshots() -> list[tuple[Path, int]]:
    check_address()
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return [
        (revision.snapshot_path, revision.size_on_disk)
        for repository in repositories
        if repository.repo_type == "model"
        for revision in repository.revisions
        if any(file.file_name == MANIFEST for file in revision.files)
    ]


def _is_whole(address: str) -> bool:
    try:
        at = parse_address(address)
        return cached(at.repo, at.revision) is not None
    except (ConfigError, ReleaseError):
        return False


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (IntegrityError, ReleaseError):
        return None


def _strategy(releases: Iterable[CachedRelease]) -> DeleteCacheStrategy:
    from huggingface_hub import scan_cache_dir

    return scan_cache_dir().delete_revisions(*(one.folder.name for one in releases))
