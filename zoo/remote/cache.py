"""The releases in the cache of the Hub's client: list, check, remove. Other repositories there are left alone."""

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
from zoo.remote.client import check_address
from zoo.remote.pull import find_cached
from zoo.remote.revisions import delete_revision, read_revisions

if TYPE_CHECKING:
    from huggingface_hub import DeleteCacheStrategy

__all__ = ["CachedRelease", "RemovalPlan", "cached_releases", "check", "plan_removal", "remove"]


@dataclass(frozen=True, slots=True)
class CachedRelease:
    """A release in the cache at one commit. `size` is in bytes; `name` and `version` are empty if zoo.json is invalid.

    `whole` is false if files are missing because a pull was interrupted: it cannot be loaded, and pulling again fetches
    the rest.
    """

    address: str
    folder: Path
    name: str
    version: str
    size: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """The releases to remove, and how many bytes that frees."""

    releases: tuple[CachedRelease, ...]
    frees: int


def cached_releases() -> list[CachedRelease]:
    """The releases in the cache, by address. Sends no request."""
    releases = []
    for folder, size in _snapshots():
        manifest = _manifest(folder)
        name, version = (manifest.name, manifest.version) if manifest else ("", "")
        address = repository_of(folder)
        releases.append(CachedRelease(address, folder, name, version, size, _is_whole(address)))
    return sorted(releases, key=lambda release: release.address)


def check(release: CachedRelease) -> str:
    """Hash every file; the first problem in one line, or an empty string."""
    try:
        verify_files(release.folder, read_manifest(release.folder))
    except ReleaseError as error:
        return error.message
    return ""


def plan_removal(names: Iterable[str]) -> RemovalPlan:
    """The releases that match names, addresses (with or without a commit) or folders. Raises UnknownName."""
    cached = cached_releases()
    selected: dict[str, CachedRelease] = {}
    for name in names:
        matching = {release.address: release for release in cached if _matches(name, release)}
        if not matching:
            hint = near(name, [release.address for release in cached]) or "The cache is empty."
            raise UnknownName(f"{name!r} is not in the cache", hint)
        selected |= matching
    return RemovalPlan(tuple(selected.values()), _strategy(selected.values()).expected_freed_size if selected else 0)


def remove(plan: RemovalPlan) -> None:
    """Delete the releases, blobs that nothing else uses, and the revisions that were resolved to these commits."""
    if not plan.releases:
        return
    _strategy(plan.releases).execute()
    removed = {release.address for release in plan.releases}
    for revision in read_revisions():
        if f"{SCHEME}{revision.repo}@{revision.commit}" in removed:
            delete_revision(revision)


def _matches(name: str, release: CachedRelease) -> bool:
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
        parsed = parse_address(address)
        return find_cached(parsed.repo, parsed.revision) is not None
    except (ConfigError, ReleaseError):
        return False


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (IntegrityError, ReleaseError):
        return None


def _strategy(releases: Iterable[CachedRelease]) -> DeleteCacheStrategy:
    from huggingface_hub import scan_cache_dir

    return scan_cache_dir().delete_revisions(*(release.folder.name for release in releases))
