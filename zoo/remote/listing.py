"""The commit and the files of a repository at a revision."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from zoo.release.snapshots import COMMIT
from zoo.remote.api import NotAHub, api_get

__all__ = ["Listing", "read_listing"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A commit, and the size in bytes of each of its files; None if the Hub does not say."""

    commit: str
    sizes: dict[str, int | None]


def read_listing(repo: str, revision: str) -> Listing:
    """One request. Raises like `api_get`."""
    plain = api_get(f"models/{repo}/revision/{urllib.parse.quote(revision, safe='')}", blobs="true")
    facts = plain if isinstance(plain, dict) else {}
    commit, files = facts.get("sha"), facts.get("siblings")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit) or not isinstance(files, list):
        raise NotAHub(f"the answer about {repo} is not a Hub's")
    rows = [file for file in files if isinstance(file, dict) and isinstance(file.get("rfilename"), str)]
    return Listing(commit, {row["rfilename"]: _size(row.get("size")) for row in rows})


def _size(value: object) -> int | None:
    return value if type(value) is int else None
