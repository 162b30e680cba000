"""A folder of releases as a Hub: each release is a repository with one commit, which nobody can change."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.plugin import (
    MANIFEST,
    ReleaseError,
    RemoteError,
    read_manifest,
    read_regular,
    require_trust,
    snapshot_file,
    verify_files,
)
from zoo_serve.access import Access, User, digest
from zoo_serve.permissions import Hub
from zoo_serve.repository import Commit, Key, Repository, StoredFile, check_id, is_large
from zoo_serve.server import Server
from zoo_serve.store import Store
from zoo_serve.token import chosen_token, is_loopback

__all__ = ["open_folder", "read_releases"]

_STORE = ".zoo-hub"
_DATE = "2000-01-01T00:00:00.000000Z"
_LARGEST_SMALL = 1 << 20


def open_folder(
    folder: Path, host: str = "127.0.0.1", port: int = 8765, names: Iterable[str] = (), *, allow_push: bool = False
) -> tuple[Server, str]:
    """A server of a folder of releases, not started yet, and the token that may push ('' if none may).

    Pushed repositories are stored in `<folder>/.zoo-hub`. An address that other machines can reach is refused unless
    ZOO_SERVE_TOKEN is set; reading there needs the token too. Raises ConfigError, ReleaseError or RemoteError.
    """
    chosen = chosen_token(host)
    token = chosen or (f"hf_{secrets.token_hex(20)}" if allow_push else "")
    fixed: dict[Key, Repository] = {}
    paths: dict[str, Path] = {}
    for repository, blobs in read_releases(folder):
        fixed["model", repository.id] = repository
        paths |= blobs
    users = {digest(token): User("lab", writes=allow_push, orgs=("*",))} if token else {}
    store = Store(folder / _STORE, fixed, paths)
    hub = Hub(store, Access(users), writes=allow_push, members_only=bool(chosen) and not is_loopback(host))
    try:
        return Server(hub, host, port, names, verbose=True), token if allow_push else ""
    except OSError as error:
        raise RemoteError(f"cannot listen at {host}:{port}: {error.strerror or error}", "Try another --port.") from None


def read_releases(folder: Path) -> Iterator[tuple[Repository, dict[str, Path]]]:
    """Every release in the folder, or one or two folders below it, with the paths of its files by SHA-256.

    Its files are verified, and the user's policy must allow it. It is named by its last two folders:
    `releases/dcgan.digits`. Raises ReleaseError, IntegrityError."""
    folder = folder.resolve()
    below = sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    for path in (folder, *below):
        if path.name.startswith(".") or path.parent.name.startswith(".") or not (path / MANIFEST).is_file():
            continue
        identifier = f"{path.parent.name}/{path.name}"
        if not check_id(identifier):
            raise ReleaseError(
                f"{path} cannot be served as {identifier!r}", "Rename the folders: letters, digits, . _ -"
            )
        manifest = read_manifest(path)
        verify_files(path, manifest)
        require_trust(path, identifier)
        files: dict[str, StoredFile] = {}
        blobs: dict[str, Path] = {}
        for name in (MANIFEST, *manifest.pinned):
            file = snapshot_file(path, name)
            files[name] = _stored(file, name, manifest.pinned[name].sha256 if name in manifest.pinned else "")
            blobs[files[name].sha256] = file
        title = f"{manifest.name} {manifest.version}"
        commit = Commit.new(files, None, title, "", path.parent.name, _DATE)
        tags = {f"v{manifest.version}": commit.id}
        yield Repository("model", identifier, False, _DATE, {commit.id: commit}, {"main": commit.id}, tags), blobs


def _stored(path: Path, name: str, sha256: str) -> StoredFile:
    size = path.stat().st_size
    if sha256 and is_large(name, size):
        return StoredFile.lfs(sha256, size)
    return StoredFile.regular(read_regular(path, _LARGEST_SMALL))
