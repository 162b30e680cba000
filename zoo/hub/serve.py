"""A folder of releases as a Hub: each release is a repository with one commit, and nobody can change it."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo._utils.files import read_regular, sha256_of
from zoo.errors import ConfigError, ReleaseError, RemoteError
from zoo.hub.access import Access, User, digest
from zoo.hub.objects import Repository, StoredFile, blob_oid, check_id, commit_of, is_large, pointer_oid
from zoo.hub.rights import Hub
from zoo.hub.server import Server
from zoo.hub.store import Store
from zoo.release.folder import read_manifest, verify_files
from zoo.release.manifest import MANIFEST
from zoo.release.snapshots import file_in

__all__ = ["TOKEN", "open_folder", "read_releases"]

TOKEN = "ZOO_SERVE_TOKEN"
_STORE = ".zoo-hub"
_DATE = "2000-01-01T00:00:00.000000Z"
_LARGEST_SMALL = 1 << 20


def open_folder(
    folder: Path, host: str = "127.0.0.1", port: int = 8765, names: Iterable[str] = (), *, allow_push: bool = False
) -> tuple[Server, str]:
    """A server over a folder of releases, not yet serving, and the token that may push ('' where none may).

    Pushed repositories are kept in `<folder>/.zoo-hub`. Another address than this machine's own is refused unless a
    token is set in ZOO_SERVE_TOKEN: with one, reading needs it too. Raises ConfigError, ReleaseError or RemoteError.
    """
    given = os.environ.get(TOKEN, "")
    if given and not re.fullmatch(r"hf_[A-Za-z0-9_]{8,}", given):
        raise ConfigError(f"{TOKEN} is not a token", "Write hf_ and at least 8 letters and digits.")
    if not given and not _is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines, and no token is set",
            f"Set {TOKEN} to hf_ and some random letters, or serve at 127.0.0.1.",
        )
    token = given or (f"hf_{secrets.token_hex(20)}" if allow_push else "")
    shelf: dict[tuple[str, str], Repository] = {}
    shelved: dict[str, Path] = {}
    for repository, places in read_releases(folder):
        shelf["model", repository.id] = repository
        shelved |= places
    users = {digest(token): User("lab", writes=allow_push, orgs=("*",))} if token else {}
    store = Store(folder / _STORE, shelf, shelved)
    hub = Hub(store, Access(users), writes=allow_push, members_only=bool(given) and not _is_loopback(host))
    try:
        return Server(hub, host, port, names, verbose=True), token if allow_push else ""
    except OSError as error:
        raise RemoteError(f"cannot listen at {host}:{port}: {error.strerror or error}", "Try another --port.") from None


def read_releases(folder: Path) -> Iterator[tuple[Repository, dict[str, Path]]]:
    """Every release in the folder, or one or two folders below, checked whole; with where the bytes of each file lie.

    It is called by its last two folders' names: `releases/dcgan.digits`. Raises ReleaseError, IntegrityError.
    """
    folder = folder.resolve()
    below = sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    for place in (folder, *below):
        if place.name.startswith(".") or place.parent.name.startswith(".") or not (place / MANIFEST).is_file():
            continue
        identifier = f"{place.parent.name}/{place.name}"
        if not check_id(identifier):
            raise ReleaseError(
                f"{place} cannot be served as {identifier!r}", "Rename the folders: letters, digits, . _ -"
            )
        manifest = read_manifest(place)
        verify_files(place, manifest)
        files: dict[str, StoredFile] = {}
        places: dict[str, Path] = {}
        for name in (MANIFEST, *manifest.pinned):
            path = file_in(place, name)
            files[name] = _stored(path, name, manifest.pinned[name].sha256 if name in manifest.pinned else "")
            places[files[name].sha256] = path
        title = f"{manifest.name} {manifest.version}"
        made = commit_of(files, parent=None, title=title, message="", author=place.parent.name, date=_DATE)
        tags = {f"v{manifest.version}": made.id}
        yield Repository("model", identifier, False, _DATE, {made.id: made}, {"main": made.id}, tags), places


def _stored(path: Path, name: str, sha256: str) -> StoredFile:
    size = path.stat().st_size
    if sha256 and is_large(name, size):
        return StoredFile(sha256, size, pointer_oid(sha256, size), large=True)
    data = read_regular(path, _LARGEST_SMALL)
    return StoredFile(sha256_of(data), len(data), blob_oid(data))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
