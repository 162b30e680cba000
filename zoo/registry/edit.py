"""Add a release to a registry file, with its pins; check that what registries name is there and right."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from zoo._utils.files import read_regular, write_atomically
from zoo.errors import ReleaseError, ZooError
from zoo.registry.index import Entry, get, load_registry, locate, open_release, read_registry, registry_files
from zoo.release.folder import read_manifest_bytes, verify_files
from zoo.release.manifest import MANIFEST
from zoo.release.names import pin_of
from zoo.remote.address import SCHEME

__all__ = ["Checkup", "add", "check", "user_registry"]

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Checkup:
    """What became of one entry; `problem` is empty where all is well, `skipped` if it was not looked at."""

    name: str
    source: str
    origin: Path
    problem: str = ""
    skipped: bool = False


def add(source: str, path: Path, *, default: bool = False) -> Entry:
    """Append a release, a folder or `hub:org/name[@revision]`, to a registry file; return its entry.

    The release is checked whole first (and pulled). A folder is written relative to the file where it lies below it.
    Raises ReleaseError, with the file unchanged, when the name is taken in any layer or the release is not right.
    """
    got = get(source)
    manifest = got.manifest
    if got.commit:
        repo = source.removeprefix(SCHEME).partition("@")[0]
        where = f"{SCHEME}{repo}@{got.commit}"
    else:
        folder, base = got.folder.resolve(), path.resolve().parent
        where = f"dir:{folder.relative_to(base) if folder.is_relative_to(base) else folder}"
    table = {
        "version": manifest.version,
        "source": where,
        "manifest": pin_of(read_manifest_bytes(got.folder)),
        "parts": list(manifest.holds),
        "data": {"shape": list(manifest.data.shape), "kind": "image" if manifest.data.is_image else "vector"},
        "latent_dim": manifest.latent_dim,
        "license": manifest.license,
    }
    if default:
        table["default"] = True
    text = "\n" + tomli_w.dumps({"models": {manifest.name: table}})
    old = read_regular(path.resolve(), _LARGEST).decode("utf-8") if path.exists() else "format = 1\n"
    whole = (old + text).encode()
    _require_valid(whole, path)
    write_atomically(path, whole)
    return next(entry for entry in read_registry(path) if entry.name == manifest.name)


def check(path: Path | None = None, *, online: bool = False) -> list[Checkup]:
    """Check every entry of one file, or of all layers: its release is there, pinned and whole.

    What is on the Hub is looked at with `online` only: then it is pulled. Raises ReleaseError for a wrong file.
    """
    entries = read_registry(path) if path is not None else load_registry().entries
    return [_check(entry, online) for entry in entries]


def user_registry() -> Path:
    """The user's own registry file."""
    import platformdirs

    return Path(os.environ.get("ZOO_CONFIG") or platformdirs.user_config_dir("zoo", appauthor=False)) / "registry.toml"


def _check(entry: Entry, online: bool) -> Checkup:
    if entry.source.startswith(SCHEME) and not online:
        return Checkup(entry.name, entry.source, entry.origin, skipped=True)
    try:
        if not os.path.lexists(locate(entry) / MANIFEST):
            raise ReleaseError(f"{entry.source} has no {MANIFEST}")
        verify_files(*open_release(locate(entry)))
    except ZooError as error:
        return Checkup(entry.name, entry.source, entry.origin, error.message)
    return Checkup(entry.name, entry.source, entry.origin)


def _require_valid(data: bytes, path: Path) -> None:
    """The file as it would be, beside all the other layers."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_bytes(data)
        try:
            added = read_registry(trial)
        except ReleaseError as error:
            raise ReleaseError(error.message.replace(str(trial), str(path)), error.hint) from None
    others = [file for _, file in registry_files() if file.resolve() != path.resolve()]
    taken = {name: file for file in others for entry in read_registry(file) for name in entry.answers_to}
    for entry in added:
        clash = sorted(entry.answers_to & set(taken))
        if clash:
            raise ReleaseError(f"{clash[0]} is already in {taken[clash[0]]}", "Give the release another name.")
