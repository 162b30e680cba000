"""What a repository holds at a revision: its commit and its files, in one request that fails at once.

`HfApi.model_info` asks the same; importing that class takes longer than downloading a small release.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from zoo.errors import RemoteError
from zoo.plain import parse_json
from zoo.snapshots import COMMIT

__all__ = ["Listing", "read_listing"]

_LARGEST = 50_000_000
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Listing:
    """A commit, and the size in bytes of each of its files; None where the Hub does not say."""

    commit: str
    sizes: dict[str, int | None]


def read_listing(repo: str, revision: str) -> Listing:
    """Ask the Hub once. Raises what the client raises, and RemoteError for an answer that is none."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = f"{constants.ENDPOINT}/api/models/{repo}/revision/{urllib.parse.quote(revision, safe='')}"
    reply = get_session().get(url, headers=build_hf_headers(), params={"blobs": "true"}, timeout=_PATIENCE)
    hf_raise_for_status(reply)
    plain = parse_json(reply.content, f"the answer of {constants.ENDPOINT}", largest=_LARGEST, error=RemoteError)
    facts = plain if isinstance(plain, dict) else {}
    commit, files = facts.get("sha"), facts.get("siblings")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit) or not isinstance(files, list):
        raise RemoteError(f"{constants.ENDPOINT} does not answer as a Hub does", "Check HF_ENDPOINT.")
    rows = [file for file in files if isinstance(file, dict) and isinstance(file.get("rfilename"), str)]
    return Listing(commit, {row["rfilename"]: _size(row.get("size")) for row in rows})


def _size(value: object) -> int | None:
    return value if type(value) is int else None
