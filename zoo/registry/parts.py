"""A release's parts as components of the plugins that are installed, which may be of other versions than it was made
with. Nothing here imports torch."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from zoo import plugins
from zoo._utils.text import sanitize
from zoo.errors import ConfigError, ReleaseError, UnknownName, ZooError
from zoo.release.manifest import Manifest, PartEntry
from zoo.types import PartSpec

__all__ = ["current_specs", "naming_versions", "tell_versions"]

_told: set[str] = set()
"""What was printed in this process."""


def current_specs(owner: str, parts: Mapping[str, PartEntry]) -> dict[str, PartSpec]:
    """The component of each role by its id of today, with settings of today. Raises ReleaseError or PluginError, naming
    `owner`, with both versions of the plugin."""
    specs = {}
    for role, part in parts.items():
        with naming_versions(owner, [part]):
            specs[role] = plugins.current(_kind(part), part.spec, part.plugin)
    return specs


@contextmanager
def naming_versions(owner: str, parts: Iterable[PartEntry]) -> Iterator[None]:
    """Errors in the block get the versions that these parts' plugins had and have, and the command that installs the
    ones that they had. A component that is missing or refuses its settings is a ReleaseError."""
    recorded = list(dict.fromkeys(part.plugin for part in parts))
    try:
        yield
    except (UnknownName, ConfigError) as error:
        missing = isinstance(error, UnknownName)
        problem = f"{owner} needs a component that is not installed" if missing else owner
        raise ReleaseError(f"{problem}: {error.message} ({_versions(recorded)})", _hint(recorded, error)) from error
    except ZooError as error:
        if any(plugins.differs(one) for one in recorded):
            error = type(error)(f"{error.message} ({_versions(recorded)})", _hint(recorded, error))
            raise error from error.__cause__
        raise


def tell_versions(manifest: Manifest, name: str) -> None:
    """Print on stderr, once a process, which parts of the release `name` were made with another version of a plugin."""
    differing = [recorded for recorded in _recorded(manifest) if plugins.differs(recorded)]
    said = f"warning: {manifest.name} {manifest.version} was {_versions(differing)}."
    if differing and said not in _told:
        _told.add(said)
        print(sanitize(f"{said} Check that it computes the same: zoo verify {name}"), file=sys.stderr)


def _recorded(manifest: Manifest) -> list[str]:
    return list(dict.fromkeys(part.plugin for part in manifest.all_parts))


def _versions(recorded: list[str]) -> str:
    """Both versions of the plugins that differ; if none does, of all."""
    named = [one for one in recorded if plugins.differs(one)] or recorded
    return "; ".join(plugins.made_with(one) for one in named)


def _hint(recorded: list[str], error: ZooError) -> str:
    hints = [hint for one in recorded if (hint := plugins.install_hint(one))]
    return " ".join(hints) or error.hint


def _kind(part: PartEntry) -> str:
    if part.role == "discriminator":
        return plugins.discriminator_kind(part.component)
    return {"decoder": "generator"}.get(part.role, part.role)
