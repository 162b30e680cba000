"""What a repository of the Hub has of a release: nothing, an earlier version, or the release itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ReleaseError
from zoo.release.manifest import MANIFEST, Manifest, parse_manifest
from zoo.remote.client import hub_errors, with_retries

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Repository", "look_up"]

_TIMEOUT = 10.0
_LARGEST_MANIFEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that a release may be added to: its current commit (empty if there is no repository) and files.

    `published` is the commit that has the release already, or empty; `tagged`, whether that has the version's tag.
    """

    head: str = ""
    files: frozenset[str] = field(default_factory=frozenset)
    published: str = ""
    tagged: bool = False


def look_up(repo: str, manifest: Manifest, data: bytes) -> Repository:
    """The repository as it is now; `data` are the bytes of the release's zoo.json.

    Raises ReleaseError if it has the version with other bytes, or another model, and RemoteError.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api = HfApi()
    with hub_errors(f"push to {repo}"):
        try:
            info = with_retries(lambda: api.model_info(repo, timeout=_TIMEOUT))
        except RepositoryNotFoundError:
            return Repository()
        head, files = str(info.sha), frozenset(file.rfilename for file in info.siblings or ())
        tags = {ref.name: ref.target_commit for ref in with_retries(lambda: api.list_repo_refs(repo)).tags}
        tagged = tags.get(f"v{manifest.version}")
        if tagged is not None:
            if _manifest_at(api, repo, tagged) != data:
                raise _version_taken(repo, manifest)
            return Repository(head, files, tagged, tagged=True)
        # an earlier push may have been interrupted between its commit and its tag
        published = MANIFEST in files and _is_published(_manifest_at(api, repo, head), repo, manifest, data)
    return Repository(head, files, head if published else "")


def _is_published(current: bytes, repo: str, manifest: Manifest, data: bytes) -> bool:
    """Whether the zoo.json of a repository is that of the release; False for another version. Raises ReleaseError."""
    if current == data:
        return True
    if len(current) > _LARGEST_MANIFEST:
        raise ReleaseError(f"{repo} holds something that is not a release", "Choose another repository.")
    published = parse_manifest(current, f"{repo}: {MANIFEST}")
    if published.name != manifest.name:
        raise ReleaseError(f"{repo} holds {published.name}, not {manifest.name}", "One repository holds one model.")
    if published.version == manifest.version:
        raise _version_taken(repo, manifest)
    return False


def _manifest_at(api: HfApi, repo: str, commit: str) -> bytes:
    return Path(api.hf_hub_download(repo, MANIFEST, revision=commit)).read_bytes()


def _version_taken(repo: str, manifest: Manifest) -> ReleaseError:
    return ReleaseError(
        f"{repo} has a version {manifest.version} with other bytes",
        "Versions are immutable: release again with a higher --version.",
    )
