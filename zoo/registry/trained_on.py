"""What a named release was trained on, as its recipe says. No torch, no request."""

from __future__ import annotations

from contextlib import suppress

from zoo._utils.strict_toml import parse_toml
from zoo.data.config import public_source
from zoo.errors import ReleaseError
from zoo.registry.file import Entry
from zoo.registry.index import available_release
from zoo.release.folder import read_pinned

__all__ = ["trained_on"]

_LARGEST = 1_000_000


def trained_on(entry: Entry) -> str:
    """The name of the images, such as `mnist5k`; empty if the release is not on this machine or does not say."""
    local = available_release(entry)
    if local is None:
        return ""
    folder, manifest = local
    if manifest.recipe is None:
        return ""
    name, source = manifest.recipe.file, ""
    with suppress(ReleaseError, ValueError, KeyError, TypeError):
        source = parse_toml(read_pinned(folder, name, manifest.files[name]), largest=_LARGEST)["data"]["source"]
    return public_source(source).rpartition("/")[2] if isinstance(source, str) else ""
