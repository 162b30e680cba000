"""What vouches for a release: a registry that pins it, a commit on the Hub, or nothing but its own digests."""

from __future__ import annotations

from pathlib import Path

from zoo.registry.index import load_registry
from zoo.release.folder import read_manifest_bytes
from zoo.release.names import pin_of
from zoo.release.snapshots import repository_of

__all__ = ["trust_of"]


def trust_of(folder: Path) -> str:
    """What vouches for the release in a folder, in a few words.

    A registry vouches for the very bytes of a manifest, which pins all others. Raises OSError, and like
    `load_registry`.
    """
    pin = pin_of(read_manifest_bytes(folder))
    known = next((entry for entry in load_registry().entries if entry.manifest == pin), None)
    if known is not None:
        return f"pinned by the registry {known.origin}"
    repository = repository_of(folder)
    if repository:
        return f"the commit {repository}; a registry does not pin it"
    return "its own digests alone, which show damage and not who made it"
