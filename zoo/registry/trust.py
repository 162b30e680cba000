"""What vouches for a release: a registry that pins it, a commit on the Hub, or nothing but its own digests."""

from __future__ import annotations

from zoo.errors import ReleaseError, UnknownName
from zoo.registry.index import find, models, open_release
from zoo.release.folder import read_manifest_bytes
from zoo.release.names import pin_of
from zoo.release.snapshots import repository_of
from zoo.remote.address import SCHEME

__all__ = ["trust_of"]


def trust_of(name: str) -> str:
    """In a few words, for a name, a folder or an address of the Hub; the release must be on this machine or be pulled.

    A registry vouches for the very bytes of a manifest, which pins all others. Raises like `open_release`.
    """
    folder, manifest = open_release(name)
    pin = pin_of(read_manifest_bytes(folder))
    try:
        entries = [find(name)] if not name.startswith(SCHEME) else []
    except (UnknownName, ReleaseError):
        entries = []
    known = next((entry for entry in (*entries, *models(manifest.name)) if entry.manifest == pin), None)
    if known is not None:
        return f"pinned by the registry {known.origin}"
    repository = repository_of(folder)
    if repository:
        return f"the commit {repository}; a registry does not pin it"
    return "its own digests alone, which show damage and not who made it"
