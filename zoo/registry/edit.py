"""Add a release to a registry file with its pins, and check that registered releases exist and match their pins."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from zoo._utils.files import read_regular, write_atomically
from zoo.errors import ReleaseError, ZooError
from zoo.registry.index import Entry, get, load_registry, locate, open_release, read_registry, registry_files
from zoo.release.folder import read_manifest_bytes, verify_files
from zoo.release.manifest import MANIFEST
from zoo.release.names import pin_of
from zoo.remote.address import SCHEME

__all__ = ["CheckResult", "add", "check"]

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The check of one entry; `problem` is empty if there is none, `skipped` if it was not checked."""

    name: str
    source: str
    origin: Path
    problem: str = ""
    skipped: bool = False


def add(source: str, path: Path, *, default: bool = False) -> Entry:
    """Append a release, a folder or `hub:org/name[@revision]`, to a registry file; return its entry.

    The release is checked (and pulled) first. The path of a folder below the file's own is written relative to it.
    Raises ReleaseError if the release fails the check or any layer uses its name; then the file is unchanged.
    """
    release = get(source)
    manifest = release.manifest
    if release.commit:
        repo = source.removeprefix(SCHEME).partition("@")[0]
        pinned_source = f"{SCHEME}{repo}@{release.commit}"
    else:
        folder, base = release.folder.resolve(), path.resolve().parent
        pinned_source = f"dir:{folder.relative_to(base) if folder.is_relative_to(base) else folder}"
    table: dict[str, Any] = {
        "version": manifest.version,
        "source": pinned_source,
        "manifest": pin_of(read_manifest_bytes(release.folder)),
        "parts": list(manifest.holds),
        "data": {"shape": list(manifest.data.shape), "kind": "image" if manifest.data.is_image else "vector"},
        "code_shape": list(manifest.code_shape),
        "license": manifest.license,
    }
    if default:
        table["default"] = True
    before = read_regular(path.resolve(), _LARGEST) if path.exists() else b"format = 1\n"
    after = before + b"\n" + tomli_w.dumps({"models": {manifest.name: table}}).encode()
    _require_valid(after, path)
    write_atomically(path, after)
    return next(entry for entry in read_registry(path) if entry.name == manifest.name)


def check(path: Path | None = None, *, online: bool = False) -> list[CheckResult]:
    """Check every entry of one file, or of all layers: its release exists, is complete and matches its pins.

    With `online`, releases on the Hub are pulled and checked too. Raises ReleaseError for an invalid registry file.
    """
    entries = read_registry(path) if path is not None else load_registry().entries
    return [_check(entry, online) for entry in entries]


def _check(entry: Entry, online: bool) -> CheckResult:
    if entry.source.startswith(SCHEME) and not online:
        return CheckResult(entry.name, entry.source, entry.origin, skipped=True)
    try:
        if not os.path.lexists(locate(entry) / MANIFEST):
            raise ReleaseError(f"{entry.source} has no {MANIFEST}")
        verify_files(*open_release(locate(entry)))
    except ZooError as error:
        return CheckResult(entry.name, entry.source, entry.origin, error.message)
    return CheckResult(entry.name, entry.source, entry.origin)


def _require_valid(data: bytes, path: Path) -> None:
    """Check the new contents of a registry file, alone and together with all other layers. Raises ReleaseError."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_bytes(data)
        try:
            added = read_registry(trial)
        except ReleaseError as error:
            raise ReleaseError(error.message.replace(str(trial), str(path)), error.hint) from None
    others = [file for _, file in registry_files() if file.resolve() != path.resolve()]
    taken = {name: file for file in others for entry in read_registry(file) for name in entry.all_names}
    for entry in added:
        clash = sorted(entry.all_names & set(taken))
        if clash:
            raise ReleaseError(f"{clash[0]} is already in {taken[clash[0]]}", "Give the release another name.")
