"""Publish a release: check it and that its version is free, load it in a new process, upload one commit, and tag it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo._utils.child import python_child
from zoo._utils.files import write_folder_atomically
from zoo._utils.front_matter import front_matter
from zoo.errors import IntegrityError, ReleaseError, RemoteError
from zoo.release.card import card_on_hub
from zoo.release.folder import pin_file, read_manifest, read_manifest_bytes, read_pinned, verify_files
from zoo.release.manifest import MANIFEST, Manifest, manifest_bytes, parse_manifest
from zoo.remote.address import check_repo
from zoo.remote.client import hub_errors, use_plain_uploads, with_retries
from zoo.remote.published import Repository, look_up
from zoo.remote.signing import SIGNATURE, sign

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Published", "prove", "push"]

_CARD = "README.md"
_PICTURE = "samples.png"
_LONGEST_PROOF = 3600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Published:
    """The release on the Hub (as it would be, for a dry run): its files by name with their sizes in bytes.

    `already`: the same release was there before.
    """

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

    It is checked first: pinned files, a complete card, a version that is free, and in a new process a strict load with
    test vectors and a rehearsal of the recipe. The card is published with the repository's address in its code, pinned
    anew. Then one commit on top of the current one is tagged `v<version>`. Pushing the same bytes again changes
    nothing; the same version with other bytes is refused. `dry_run` is a folder to write the upload to; then the Hub is
    not asked at all. `sign_key` is a private key to sign with. `private` applies to a new repository only.
    Raises ReleaseError, IntegrityError or RemoteError; then nothing was published.
    """
    check_repo(repo)
    folder = Path(folder)
    manifest = _check(folder)
    files = {name: read_pinned(folder, name, entry) for name, entry in manifest.pinned.items()}
    files[MANIFEST] = read_manifest_bytes(folder)
    if parse_manifest(files[MANIFEST], str(folder / MANIFEST)) != manifest:
        raise IntegrityError(
            f"{folder / MANIFEST} changed while it was checked", "Push again when nothing writes there."
        )
    _address_card(files, manifest, repo)
    if dry_run is None:
        use_plain_uploads()
    if dry_run is not None or not look_up(repo, manifest, files[MANIFEST]).published:
        prove(folder, manifest)
    if sign_key is not None:
        files[SIGNATURE] = sign(files[MANIFEST], Path(sign_key))
    sizes = {name: len(data) for name, data in sorted(files.items())}
    if dry_run is not None:
        write_folder_atomically(Path(dry_run), files)
        return Published(repo, manifest.version, sizes)
    commit, already = _send(repo, manifest, files, private, message)
    if already and sign_key is not None:
        raise ReleaseError(
            f"{repo} {manifest.version} was published before and stays as it is, signed or not",
            "Sign when it is first pushed: raise the version.",
        )
    return Published(repo, manifest.version, sizes, commit, already)


def prove(folder: Path, manifest: Manifest) -> None:
    """Load the release in a new process, replay its test vectors and rehearse its recipe. Raises ReleaseError or
    IntegrityError."""
    child = python_child("-m", "zoo", "verify", str(folder.absolute()), "--recipe", "--json", HF_HUB_OFFLINE="1")
    try:
        done = subprocess.run(
            child.command, env=child.environment, capture_output=True, text=True, timeout=_LONGEST_PROOF
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(
            f"{folder} was not proved in a new process within {_LONGEST_PROOF // 60} minutes",
            f"zoo verify {folder} --recipe  shows how far it comes.",
        ) from None
    try:
        proof = json.loads(done.stdout)
        differences, obstacle = proof["differences"], proof["obstacle"]
    except (ValueError, KeyError, TypeError):
        error = next((line for line in done.stderr.splitlines() if line.startswith("error: ")), "error: it crashed")
        raise ReleaseError(
            f"{folder} is not proved in a new process: {error[7:]}", f"zoo verify {folder} --recipe"
        ) from None
    if differences:
        raise IntegrityError(
            f"{folder}: a new process computes another {differences[0]['name']} than the test vectors",
            f"zoo verify {folder}  shows the first difference. Make the release again on this machine.",
        )
    if obstacle:
        _check_claim(folder, manifest, obstacle)


def _check(folder: Path) -> Manifest:
    """The manifest of a folder whose files match it and whose card is complete. Raises ReleaseError, IntegrityError."""
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    _check_card(folder, manifest)
    return manifest


def _check_claim(folder: Path, manifest: Manifest, obstacle: str) -> None:
    """Raises ReleaseError if the card promises that a recipe runs again that cannot."""
    text = read_pinned(folder, _CARD, manifest.files[_CARD]).decode("utf-8", "replace")
    if "runs it again" in text:
        raise ReleaseError(
            f"{folder / _CARD} says that the recipe runs it again, which it cannot: {obstacle}",
            "Make the release again with `zoo release`: its card then says so.",
        )


def _address_card(files: dict[str, bytes], manifest: Manifest, repo: str) -> None:
    """Let the card among `files` load the release from the repository, and pin it anew."""
    text = files[_CARD].decode("utf-8", "replace")
    addressed = card_on_hub(text, manifest.name, repo)
    if addressed != text:
        files[_CARD] = addressed.encode()
        pins = {**manifest.files, _CARD: pin_file(files[_CARD])}
        files[MANIFEST] = manifest_bytes(replace(manifest, files=pins))


def _check_card(folder: Path, manifest: Manifest) -> None:
    again = "Make the release again with `zoo release`: it writes a complete card."
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
        item
        for item, present in (
            ("license", bool(head.get("license"))),
            ("library_name", head.get("library_name") == "aegan-zoo"),
            ("the tag aegan-zoo", isinstance(tags, list) and "aegan-zoo" in tags),
            ("model-index", not manifest.metrics or _has_metrics(head)),
            (_PICTURE, not manifest.output.is_image or _PICTURE in manifest.files),
        )
        if not present
    ]
    if missing:
        raise ReleaseError(f"{folder / _CARD} is not complete: it lacks {', '.join(missing)}", again)


def _has_metrics(head: Mapping[str, Any]) -> bool:
    """Whether the Hub's own parser finds metrics in the card."""
    from huggingface_hub.repocard_data import model_index_to_eval_results

    try:
        return bool(model_index_to_eval_results(head["model-index"])[1])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _send(repo: str, manifest: Manifest, files: dict[str, bytes], private: bool, message: str) -> tuple[str, bool]:
    """Upload; the release's commit, and whether it was there before. Raises ReleaseError or RemoteError."""
    from huggingface_hub import HfApi

    api = HfApi()
    current = look_up(repo, manifest, files[MANIFEST])
    is_new = not current.head
    if is_new:
        with hub_errors(f"push to {repo}"):
            with_retries(lambda: api.create_repo(repo, private=private, exist_ok=True))
    try:
        if is_new:
            current = look_up(repo, manifest, files[MANIFEST])
        with hub_errors(f"push to {repo}"):
            return _publish(api, repo, current, manifest, files, message)
    except RemoteError as error:
        if not is_new:
            raise
        # not deleted: somebody may be using it already
        raise RemoteError(
            f"{error.message} (the new repository {repo} was created)",
            f"{error.hint} Push again to continue; to remove it: hf repos delete {repo}",
        ) from error


def _publish(
    api: HfApi, repo: str, current: Repository, manifest: Manifest, files: dict[str, bytes], message: str
) -> tuple[str, bool]:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    if current.tagged:
        return current.published, True
    tag = f"v{manifest.version}"
    if current.published:
        with_retries(lambda: api.create_tag(repo, tag=tag, revision=current.published, exist_ok=True))
        return current.published, True
    obsolete = sorted(
        name for name in current.files if name not in files and (name == SIGNATURE or not name.startswith("."))
    )
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        *(CommitOperationAdd(name, data) for name, data in sorted(files.items())),
        *(CommitOperationDelete(name) for name in obsolete),
    ]
    title = message or f"{manifest.name} {manifest.version}"
    commit = with_retries(
        lambda: api.create_commit(repo, operations=operations, commit_message=title, parent_commit=current.head)
    )
    with_retries(lambda: api.create_tag(repo, tag=tag, revision=commit.oid, exist_ok=True))
    return commit.oid, False
