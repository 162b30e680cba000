"""Publish a release: proved first in a process of its own, then one commit, then a tag for its version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo._utils.files import write_folder_atomically
from zoo._utils.text import front_matter
from zoo.errors import IntegrityError, ReleaseError, RemoteError
from zoo.release.folder import read_manifest, read_manifest_bytes, read_pinned, verify_files
from zoo.release.manifest import MANIFEST, Manifest, parse_manifest
from zoo.remote.address import check_repo
from zoo.remote.calls import hub_errors, use_plain_uploads, with_retries
from zoo.remote.signing import SIGNATURE, sign

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

__all__ = ["Published", "prove", "push"]

_CARD = "README.md"
_PICTURE = "samples.png"
_PATIENCE = 10.0
_LARGEST_MANIFEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Published:
    """What is on the Hub now, or with a dry run would be: the files by name with their sizes."""

    repo: str
    version: str
    files: dict[str, int]
    commit: str = ""
    already: bool = False


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    dry_run: str | Path | None = None,
    message: str = "",
    sign_key: str | Path | None = None,
) -> Published:
    """Publish a release folder as `namespace/name` on the Hub, as the user that the Hub's client is logged in as.

    Proves first: files as pinned, strict load and test vectors in a fresh process, a complete card. Then one commit on
    top of the one that was looked at, tagged `v<version>`. The same bytes again change nothing; the same version with
    other bytes is refused. `dry_run` is a folder to write exactly what would be uploaded; nothing is sent then.
    `sign_key` is a private key to sign with. `private` says how the repository is made; one that exists stays as it is.
    Raises ReleaseError, IntegrityError or RemoteError, with nothing published.
    """
    check_repo(repo)
    folder = Path(folder)
    manifest = prove(folder)
    files = {name: read_pinned(folder, name, entry) for name, entry in manifest.pinned.items()}
    files[MANIFEST] = read_manifest_bytes(folder)
    if parse_manifest(files[MANIFEST], str(folder / MANIFEST)) != manifest:
        raise IntegrityError(
            f"{folder / MANIFEST} changed while it was checked", "Push again when nothing writes there."
        )
    if sign_key is not None:
        files[SIGNATURE] = sign(files[MANIFEST], Path(sign_key))
    sizes = {name: len(data) for name, data in sorted(files.items())}
    if dry_run is not None:
        write_folder_atomically(Path(dry_run), files)
        return Published(repo, manifest.version, sizes)
    use_plain_uploads()
    commit, already = _send(repo, manifest, files, private, message)
    if already and sign_key is not None:
        raise ReleaseError(
            f"{repo} {manifest.version} was published before and stays as it is, signed or not",
            "Sign when it is first pushed: raise the version.",
        )
    return Published(repo, manifest.version, sizes, commit, already)


def prove(folder: Path) -> Manifest:
    """Everything that can be checked before publishing. Raises ReleaseError or IntegrityError."""
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    _check_card(folder, manifest)
    command = [sys.executable, "-m", "zoo", "verify", str(folder.absolute()), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        differences = json.loads(done.stdout)["differences"]
    except (ValueError, KeyError, TypeError):
        said = next((line for line in done.stderr.splitlines() if line.startswith("error: ")), "error: it crashed")
        raise ReleaseError(f"{folder} does not load in a fresh process: {said[7:]}", f"zoo verify {folder}") from None
    if differences:
        raise IntegrityError(
            f"{folder}: a fresh process gives another {differences[0]['name']} than the test vectors",
            f"zoo verify {folder}  says where it begins. Make the release again on this machine.",
        )
    return manifest


def _check_card(folder: Path, manifest: Manifest) -> None:
    again = "Make the release again with `zoo release`: it writes a whole card."
    pin = manifest.files.get(_CARD)
    if pin is None:
        raise ReleaseError(f"{folder} has no {_CARD}", again)
    text = read_pinned(folder, _CARD, pin).decode("utf-8", "replace")
    try:
        head = front_matter(text)
    except ValueError as error:
        raise ReleaseError(f"{folder / _CARD}: {error}", again) from None
    tags = head.get("tags")
    missing = [
        what
        for what, there in (
            ("license", bool(head.get("license"))),
            ("library_name", head.get("library_name") == "aegan-zoo"),
            ("the tag aegan-zoo", isinstance(tags, list) and "aegan-zoo" in tags),
            ("model-index", not manifest.metrics or _has_metrics(head)),
            (_PICTURE, not manifest.data.is_image or _PICTURE in manifest.files),
        )
        if not there
    ]
    if missing:
        raise ReleaseError(f"{folder / _CARD} is not complete: it lacks {', '.join(missing)}", again)


def _has_metrics(head: Mapping[str, Any]) -> bool:
    """Whether the Hub's own reader finds figures in the card."""
    from huggingface_hub.repocard_data import model_index_to_eval_results

    try:
        return bool(model_index_to_eval_results(head["model-index"])[1])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _send(repo: str, manifest: Manifest, files: dict[str, bytes], private: bool, message: str) -> tuple[str, bool]:
    """The commit that holds the release, and whether it was there before. Raises ReleaseError or RemoteError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api = HfApi()
    with hub_errors(f"push to {repo}"):
        try:
            info: ModelInfo | None = with_retries(lambda: api.model_info(repo, timeout=_PATIENCE))
        except RepositoryNotFoundError:
            info = None
            with_retries(lambda: api.create_repo(repo, private=private, exist_ok=True))
    try:
        with hub_errors(f"push to {repo}"):
            seen = info or with_retries(lambda: api.model_info(repo, timeout=_PATIENCE))
            return _publish(api, repo, seen, manifest, files, message)
    except RemoteError as error:
        if info is not None:
            raise
        # Not deleted: someone else may have begun to use it.
        raise RemoteError(
            f"{error.message} (the new repository {repo} is there already)",
            f"{error.hint} Pushing again goes on from here; to remove it: hf repos delete {repo}",
        ) from error


def _publish(
    api: HfApi, repo: str, seen: ModelInfo, manifest: Manifest, files: dict[str, bytes], message: str
) -> tuple[str, bool]:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    parent, there = str(seen.sha), {one.rfilename for one in seen.siblings or ()}
    tag = f"v{manifest.version}"
    tags = {ref.name: ref.target_commit for ref in with_retries(lambda: api.list_repo_refs(repo)).tags}
    if tag in tags:
        _require_same(api, repo, tags[tag], manifest, files[MANIFEST])
        return tags[tag], True
    if MANIFEST in there and _published(api, repo, parent, manifest, files[MANIFEST]):
        # An earlier push ended between its commit and its tag.
        with_retries(lambda: api.create_tag(repo, tag=tag, revision=parent, exist_ok=True))
        return parent, True
    gone = sorted(name for name in there if name not in files and (name == SIGNATURE or not name.startswith(".")))
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        *(CommitOperationAdd(name, data) for name, data in sorted(files.items())),
        *(CommitOperationDelete(name) for name in gone),
    ]
    title = message or f"{manifest.name} {manifest.version}"
    commit = with_retries(
        lambda: api.create_commit(repo, operations=operations, commit_message=title, parent_commit=parent)
    )
    with_retries(lambda: api.create_tag(repo, tag=tag, revision=commit.oid, exist_ok=True))
    return commit.oid, False


def _published(api: HfApi, repo: str, commit: str, manifest: Manifest, data: bytes) -> bool:
    """Whether the commit holds this very release; False if it holds another version of it. Raises ReleaseError."""
    found = Path(api.hf_hub_download(repo, MANIFEST, revision=commit)).read_bytes()
    if found == data:
        return True
    if len(found) > _LARGEST_MANIFEST:
        raise ReleaseError(f"{repo} holds something that is not a release", "Choose another repository.")
    held = parse_manifest(found, f"{repo}: {MANIFEST}")
    if held.name != manifest.name:
        raise ReleaseError(f"{repo} holds {held.name}, not {manifest.name}", "One repository holds one model.")
    if held.version == manifest.version:
        raise _used(repo, manifest)
    return False


def _require_same(api: HfApi, repo: str, commit: str, manifest: Manifest, data: bytes) -> None:
    if Path(api.hf_hub_download(repo, MANIFEST, revision=commit)).read_bytes() != data:
        raise _used(repo, manifest)


def _used(repo: str, manifest: Manifest) -> ReleaseError:
    return ReleaseError(
        f"{repo} has a version {manifest.version} with other bytes",
        "Versions are immutable: release again with a higher --version.",
    )
