"""Directions that a release brings along: one pinned file for each way in which they were found."""

from __future__ import annotations

from typing import Any

from zoo.editing.direction_files import parse_directions
from zoo.editing.directions import Directions
from zoo.editing.space import CodeSpace
from zoo.errors import ConfigError, near
from zoo.release.folder import read_pinned

__all__ = ["direction_named", "file_of", "release_directions"]

_PREFIX, _SUFFIX = "directions-", ".safetensors"


def file_of(directions: Directions) -> str:
    """The name of its file in a release, such as directions-classes.safetensors."""
    return f"{_PREFIX}{directions.method}{_SUFFIX}"


def release_directions(model: Any) -> list[Directions]:
    """The directions of a loaded release; none of a run, a GAN or an autoencoder.

    Raises IntegrityError for a damaged file, ConfigError for directions of another generator.
    """
    manifest = getattr(model, "manifest", None)
    if manifest is None:
        return []
    names = sorted(name for name in manifest.files if name.startswith(_PREFIX) and name.endswith(_SUFFIX))
    sets = [
        parse_directions(read_pinned(model.folder, name, manifest.files[name]), str(model.folder / name))
        for name in names
    ]
    for one in sets:
        one.require_for(CodeSpace(model))
    return sets


def direction_named(sets: list[Directions], name: str) -> Directions:
    """The set that has a direction; of classes `FROM,TO` is one too. Raises ConfigError if none has, or several."""
    having = [one for one in sets if one.has(name)]
    if not having:
        every = [known for one in sets for known in one.names]
        raise ConfigError(f"there is no direction {name[:80]!r}", near(name, every))
    if len(having) > 1:
        methods = ", ".join(one.method for one in having)
        raise ConfigError(
            f"there are several directions {name[:80]!r}: by {methods}", "Give one with --directions FILE."
        )
    return having[0]
