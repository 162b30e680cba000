"""Pull a release at one commit into the cache of the Hub's client, and check every byte against its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo._utils.hash_cache import hash_cache
from zoo.errors import IntegrityError, NotARelease, ReleaseError, RemoteError
from zoo.release.folder import is_as_pinned, read_manifest_bytes, read_pinned
from zoo.release.manifest import MANIFEST, FileEntry, Manifest, parse_manifest
from zoo.release.names import pin_of
from zoo.release.snapshots import is_named_after, snapshot_file
from zoo.remote.address import Address
from zoo.remote.client import check_address, hub_errors, is_offline, with_retries
from zoo.remote.listing import read_listing
from zoo.remote.progress import one_bar
from zoo.remote.revisions import PulledRevision, read_revision, save_revision

__all__ = ["PulledRelease", "find_cached", "pull"]

_LARGEST_MANIFEST = 1_000_000
_WORKERS = 8
_REMOVE = "Run `zoo cache rm` on it and pull it again; `zoo cache verify` checks the others."


@dataclass(frozen=True, slots=True)
class PulledRelease:
    """A complete release in the Hub's cache at one commit. `requested`: whether the Hub was contacted."""

    folder: Path
    commit: str
    manifest: Manifest
    requested: bool


def pull(address: Address, pin: str | None = None, *, refresh: bool = False, check: bool = True) -> PulledRelease:
    """Get a release. If it is complete in the cache, no request is sent.

    A branch or tag is resolved to a commit once; `refresh` resolves it again. `pin` is the `sha256:<hex>` that its
    zoo.json must have. `check` hashes cached files too, unless they were hashed before and are unchanged.
    Raises RemoteError, ReleaseError, and IntegrityError if a file differs from its pin.
    """
    check_address()
    from huggingface_hub import constants

    commit = address.revision if address.is_pinned else None if refresh else _resolved(address)
    if commit is not None and (in_cache := find_cached(address.repo, commit, pin)) is not None:
        folder, manifest = in_cache
        if check:
            _check_cached(folder, manifest)
        return PulledRelease(folder, commit, manifest, requested=False)
    if is_offline():
        raise RemoteError(
            f"{address} is not on this machine, and the Hub is switched off (HF_HUB_OFFLINE)",
            f"Unset HF_HUB_OFFLINE and run: zoo pull {address}",
        )
    with hub_errors(f"pull of {address}"):
        folder, commit, manifest = _fetch(address, commit, pin)
    manifest_pin = pin_of(read_manifest_bytes(folder))
    save_revision(PulledRevision(constants.ENDPOINT, address.repo, address.revision, commit, manifest_pin))
    return PulledRelease(folder, commit, manifest, requested=True)


def find_cached(repo: str, commit: str, pin: str | None = None) -> tuple[Path, Manifest] | None:
    """The folder and manifest of a release whose files are all in the Hub's cache in full size, or None. No request.

    Raises IntegrityError if its zoo.json is not the pinned one.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "snapshots" / commit
    if not os.path.lexists(folder / MANIFEST):
        return None
    data = read_manifest_bytes(folder)
    _check_manifest(data, pin, folder)
    manifest = parse_manifest(data, str(folder / MANIFEST))
    for name, entry in manifest.pinned.items():
        try:
            if os.lstat(snapshot_file(folder, name)).st_size != entry.size:
                return None
        except OSError:
            return None
    return folder, manifest


def _resolved(address: Address) -> str | None:
    """The commit that an earlier pull resolved the address to."""
    revision = read_revision(address)
    return revision.commit if revision is not None else None


def _check_cached(folder: Path, manifest: Manifest) -> None:
    with hash_cache(folder) as hashes:
        for name, entry in manifest.pinned.items():
            try:
                read_pinned(folder, name, entry, hashes)
            except IntegrityError as error:
                raise IntegrityError(error.message, _REMOVE) from None


def _fetch(address: Address, commit: str | None, pin: str | None) -> tuple[Path, str, Manifest]:
    """Download a release. The first request fails at once without a network; downloads are retried by the client."""
    from huggingface_hub import hf_hub_download

    listing = with_retries(lambda: read_listing(address.repo, commit or address.revision))
    commit, sizes = commit or listing.commit, listing.sizes
    if MANIFEST not in sizes:
        raise NotARelease(
            f"{address} is not a release: it has no {MANIFEST}",
            f"An autoencoder of another library: zoo import COMPONENT:{address.repo}. Releases: zoo search",
        )
    if (sizes[MANIFEST] or 0) > _LARGEST_MANIFEST:
        raise ReleaseError(f"{address}: its {MANIFEST} has {sizes[MANIFEST]:,} bytes; at most 1,000,000 are read")
    with one_bar(MANIFEST, sizes[MANIFEST] or 0) as bar:
        folder = Path(hf_hub_download(address.repo, MANIFEST, revision=commit, tqdm_class=bar)).parent
        if not _matches_blob(folder):
            _discard(folder, MANIFEST)
            hf_hub_download(address.repo, MANIFEST, revision=commit, force_download=True, tqdm_class=bar)
    data = read_manifest_bytes(folder)
    try:
        _check_manifest(data, pin, folder)
        manifest = parse_manifest(data, f"{address}: {MANIFEST}")
    except ReleaseError:
        _discard(folder, MANIFEST)
        raise
    _require_sizes(address, manifest, sizes)
    total = sum(entry.size for entry in manifest.pinned.values())
    with one_bar(manifest.name, total) as bar, ThreadPoolExecutor(_WORKERS) as workers:
        downloads = [
            workers.submit(_fetch_file, address, commit, folder, name, entry, bar)
            for name, entry in sorted(manifest.pinned.items(), key=lambda item: -item[1].size)
        ]
        try:
            for download in downloads:
                download.result()
        finally:
            workers.shutdown(cancel_futures=True)
    return folder, commit, manifest


def _fetch_file(address: Address, commit: str, folder: Path, name: str, entry: FileEntry, bar: type[Any]) -> None:
    """Download a file and hash it while others are still downloading; once more if its bytes are wrong.

    The client itself compares sizes only: it would keep a file of the right size with wrong bytes.
    """
    from huggingface_hub import hf_hub_download

    for again in (False, True):
        hf_hub_download(address.repo, name, revision=commit, force_download=again, tqdm_class=bar)
        if is_as_pinned(folder, name, entry):
            return
        _discard(folder, name)
    raise IntegrityError(
        f"{address}: {name} does not have the sha256 that its manifest pins",
        "The file was deleted. Pull again; if that does not help, its publisher must repair the release.",
    )


def _require_sizes(address: Address, manifest: Manifest, sizes: Mapping[str, int | None]) -> None:
    for name, entry in sorted(manifest.pinned.items()):
        if name not in sizes:
            raise IntegrityError(f"{address} lacks {name}", "Its publisher must push it again.")
        if sizes[name] not in (entry.size, None):
            raise IntegrityError(
                f"{address}: {name} has {sizes[name]:,} bytes; its manifest pins {entry.size:,}",
                "Nothing was downloaded. Its publisher must push it again.",
            )


def _check_manifest(data: bytes, pin: str | None, folder: Path) -> None:
    actual = pin_of(data)
    if not _matches_blob(folder):
        raise IntegrityError(f"{folder / MANIFEST} is not the file that the repository holds", _REMOVE)
    if pin is not None and actual != pin:
        raise IntegrityError(
            f"{folder / MANIFEST} is {actual[:19]}...; the registry pins {pin[:19]}...",
            "Correct the registry if the release is yours; else tell the publisher.",
        )


def _matches_blob(folder: Path) -> bool:
    return is_named_after(snapshot_file(folder, MANIFEST), read_manifest_bytes(folder))


def _discard(folder: Path, name: str) -> None:
    """Remove a file from the cache, and the blob that it links to."""
    snapshot_file(folder, name).unlink(missing_ok=True)
    (folder / name).unlink(missing_ok=True)
