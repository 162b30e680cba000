"""Pull a release: one commit, every byte held to its manifest, kept in the Hub client's own cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo._utils.hash_cache import hash_cache
from zoo.errors import IntegrityError, ReleaseError, RemoteError
from zoo.release.folder import is_as_pinned, read_manifest_bytes, read_pinned
from zoo.release.manifest import MANIFEST, FileEntry, Manifest, parse_manifest
from zoo.release.names import pin_of
from zoo.release.snapshots import file_in, is_named_after
from zoo.remote.address import Address
from zoo.remote.calls import check_address, hub_errors, is_offline, with_retries
from zoo.remote.listing import read_listing
from zoo.remote.progress import one_bar
from zoo.remote.records import PullRecord, read_record, write_record

__all__ = ["Pulled", "cached", "pull"]

_LARGEST_MANIFEST = 1_000_000
_AT_ONCE = 8
_REMOVE = "Run `zoo cache rm` on it and pull it again; `zoo cache verify` checks the others."


@dataclass(frozen=True, slots=True)
class Pulled:
    """A release that lies whole in the Hub's cache, at one commit. `requested` says whether the Hub was asked."""

    folder: Path
    commit: str
    manifest: Manifest
    requested: bool


def pull(address: Address, pin: str | None = None, *, refresh: bool = False, check: bool = True) -> Pulled:
    """Get a release, from the cache if it is whole there: then without a request, and offline.

    A branch or tag is resolved to a commit once; `refresh` resolves it again. `pin` is the `sha256:<hex>` that its
    zoo.json must have. `check` hashes what was found in the cache too, unless it was hashed before and is unchanged.
    Raises RemoteError, ReleaseError, and IntegrityError when something is not what is pinned.
    """
    check_address()
    from huggingface_hub import constants

    known = _known(address) if not refresh else (address.revision if address.is_pinned else None)
    if known is not None and (found := cached(address.repo, known, pin)) is not None:
        folder, manifest = found
        if check:
            _check_cached(folder, manifest)
        return Pulled(folder, known, manifest, requested=False)
    if is_offline():
        raise RemoteError(
            f"{address} is not on this machine, and the Hub is switched off (HF_HUB_OFFLINE)",
            f"Unset HF_HUB_OFFLINE and run: zoo pull {address}",
        )
    with hub_errors(f"pull of {address}"):
        folder, commit, manifest = _fetch(address, known, pin)
    manifest_pin = pin_of(read_manifest_bytes(folder))
    write_record(PullRecord(constants.ENDPOINT, address.repo, address.revision, commit, manifest_pin))
    return Pulled(folder, commit, manifest, requested=True)


def cached(repo: str, commit: str, pin: str | None = None) -> tuple[Path, Manifest] | None:
    """The folder in the Hub's cache that holds every file of a release in its full size, or None. No request.

    Raises IntegrityError when its zoo.json is not the pinned one.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "snapshots" / commit
    if not os.path.lexists(folder / MANIFEST):
        return None
    data = read_manifest_bytes(folder)
    _hold(data, pin, folder)
    manifest = parse_manifest(data, str(folder / MANIFEST))
    for name, entry in manifest.pinned.items():
        try:
            if os.lstat(file_in(folder, name)).st_size != entry.size:
                return None
        except OSError:
            return None
    return folder, manifest


def _known(address: Address) -> str | None:
    if address.is_pinned:
        return address.revision
    record = read_record(address)
    return record.commit if record is not None else None


def _check_cached(folder: Path, manifest: Manifest) -> None:
    with hash_cache(folder) as checked:
        for name, entry in manifest.pinned.items():
            try:
                read_pinned(folder, name, entry, checked)
            except IntegrityError as error:
                raise IntegrityError(error.message, _REMOVE) from None


def _fetch(address: Address, known: str | None, pin: str | None) -> tuple[Path, str, Manifest]:
    """The first request is a single one and fails at once without a network; the downloads retry by themselves."""
    from huggingface_hub import hf_hub_download

    listing = with_retries(lambda: read_listing(address.repo, known or address.revision))
    commit, sizes = known or listing.commit, listing.sizes
    if MANIFEST not in sizes:
        raise ReleaseError(f"{address} is not a release: it has no {MANIFEST}", "See what else there is: zoo search")
    if (sizes[MANIFEST] or 0) > _LARGEST_MANIFEST:
        raise ReleaseError(f"{address}: its {MANIFEST} has {sizes[MANIFEST]:,} bytes; at most 1,000,000 are read")
    with one_bar(MANIFEST, sizes[MANIFEST] or 0) as bar:
        folder = Path(hf_hub_download(address.repo, MANIFEST, revision=commit, tqdm_class=bar)).parent
        if not _is_sound(folder):
            _discard(folder, MANIFEST)
            hf_hub_download(address.repo, MANIFEST, revision=commit, force_download=True, tqdm_class=bar)
    data = read_manifest_bytes(folder)
    try:
        _hold(data, pin, folder)
        manifest = parse_manifest(data, f"{address}: {MANIFEST}")
    except ReleaseError:
        _discard(folder, MANIFEST)
        raise
    _require_sizes(address, manifest, sizes)
    whole = sum(entry.size for entry in manifest.pinned.values())
    with one_bar(manifest.name, whole) as bar, ThreadPoolExecutor(_AT_ONCE) as workers:
        waiting = [
            workers.submit(_fetch_file, address, commit, folder, name, entry, bar)
            for name, entry in sorted(manifest.pinned.items(), key=lambda item: -item[1].size)
        ]
        try:
            for one in waiting:
                one.result()
        finally:
            workers.shutdown(cancel_futures=True)
    return folder, commit, manifest


def _fetch_file(address: Address, commit: str, folder: Path, name: str, entry: FileEntry, bar: type[Any]) -> None:
    """Download a file and hash it, while others are still on their way.

    The client itself looks at sizes only, and would keep a file of the right size with wrong bytes for good.
    """
    from huggingface_hub import hf_hub_download

    for again in (False, True):
        hf_hub_download(address.repo, name, revision=commit, force_download=again, tqdm_class=bar)
        if is_as_pinned(folder, name, entry):
            return
        _discard(folder, name)
    raise IntegrityError(
        f"{address}: {name} does not have the sha256 that its manifest pins",
        "Nothing wrong was kept. Pull again; if that does not help, its publisher must repair it.",
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


def _hold(data: bytes, pin: str | None, folder: Path) -> None:
    found = pin_of(data)
    if not _is_sound(folder):
        raise IntegrityError(f"{folder / MANIFEST} is not the file that the repository holds", _REMOVE)
    if pin is not None and found != pin:
        raise IntegrityError(
            f"{folder / MANIFEST} is {found[:19]}...; the registry pins {pin[:19]}...",
            "Correct the registry if the release is yours; else tell the publisher.",
        )


def _is_sound(folder: Path) -> bool:
    return is_named_after(file_in(folder, MANIFEST), read_manifest_bytes(folder))


def _discard(folder: Path, name: str) -> None:
    """Remove a file of the cache and what it links to, so that nobody takes it for a good one."""
    file_in(folder, name).unlink(missing_ok=True)
    (folder / name).unlink(missing_ok=True)
