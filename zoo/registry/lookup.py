"""Names in a registry: which entry a name means, and which entries a pattern lists. No I/O."""

from __future__ import annotations

import fnmatch
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zoo.errors import ReleaseError, UnknownName, near
from zoo.registry.file import Entry
from zoo.remote.address import as_address

__all__ = ["Registry", "clash_error", "clashes"]


@dataclass(frozen=True, slots=True)
class Registry:
    """All entries of all layers, in layer order. Raises ReleaseError if two share a name without being versions of one
    model in one file, or share a version."""

    entries: tuple[Entry, ...]
    _models: dict[str, list[Entry]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _known: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name, first, second in clashes(self.entries):
            raise clash_error(name, first, second)
        for entry in self.entries:
            self._models.setdefault(entry.name, []).append(entry)
            for name in entry.all_names:
                self._known[name] = entry.name
        for versions in self._models.values():
            if len(versions) > 1:
                versions.sort(key=lambda entry: (not entry.deprecated, entry.order), reverse=True)

    def models(self, pattern: str = "*") -> tuple[Entry, ...]:
        """The newest version of each model whose name matches a glob, in natural order of the names.

        A pattern without a dot may match the arch alone. One with an `@` matches `name@version` and lists every
        version, newest first. Deprecated entries are not listed.
        """
        pattern = pattern.casefold()
        every = "@" in pattern
        listed: list[Entry] = []
        for name in sorted(self._models, key=_natural):
            current = [entry for entry in self._models[name] if not entry.deprecated]
            listed += [entry for entry in (current if every else current[:1]) if _matches(entry, pattern)]
        return tuple(listed)

    def versions(self, name: str) -> tuple[Entry, ...]:
        """Every version of a model, newest first, deprecated ones last. Raises UnknownName with near matches."""
        bare = name.casefold().partition("@")[0]
        if bare not in self._known:
            raise self._unknown(name, bare)
        return tuple(self._models[self._known[bare]])

    def find(self, name: str) -> Entry:
        """The newest version of a name, of an alias, or of an arch with a default; with `NAME@VERSION` that version.

        A deprecated version is the newest only if all are. Raises UnknownName with near matches. For a deprecated entry
        there is a FutureWarning.
        """
        versions = self.versions(name)
        _, at, version = name.partition("@")
        entry = next((entry for entry in versions if not at or entry.version == version), None)
        if entry is None:
            raise UnknownName(
                f"{versions[0].name} has no version {version[:40]!r} in {versions[0].origin}",
                f"Choose one: {', '.join(entry.key for entry in versions[:12])}.",
            )
        if entry.deprecated:
            warnings.warn(f"{entry.key} is deprecated: {entry.deprecated}", FutureWarning, stacklevel=2)
        return entry

    def _unknown(self, name: str, bare: str) -> UnknownName:
        tags = [entry.name for entry in self.models() if entry.arch == bare]
        if tags:
            return UnknownName(f"{name!r} has no default", f"Choose one: {', '.join(tags[:12])}.")
        if address := as_address(name):
            return UnknownName(f"there is no model {name[:100]!r} in the registries", f"On the Hub: {address}")
        known = {known for entry in self.models() for known in (entry.name, *entry.aliases)}
        hint = near(bare, known) or "No model is registered; pip install zoo-starter brings some."
        return UnknownName(f"there is no model {name[:100]!r}", hint)


def clashes(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry, Entry]]:
    """Each name with two entries that have it and are not two versions of one model in one file."""
    owners: dict[str, Entry] = {}
    for entry in entries:
        names = entry.all_names
        for name in (entry.key, *(sorted(names) if len(names) > 1 else names)):
            first = owners.setdefault(name, entry)
            one_model = (first.name, first.origin) == (entry.name, entry.origin)
            if first is not entry and (name == entry.key or not one_model):
                yield name, first, entry


def clash_error(name: str, first: Entry, second: Entry) -> ReleaseError:
    """The error for two entries that share a name."""
    return ReleaseError(
        f"two models have the name {name!r}: {first.name} in {first.origin}, {second.name} in {second.origin}",
        "Rename or remove one of them (zoo registry rename, rm), or its default = true or its alias.",
    )


def _matches(entry: Entry, pattern: str) -> bool:
    if "@" in pattern:
        return fnmatch.fnmatchcase(entry.key, pattern)
    by_arch = "." not in pattern and fnmatch.fnmatchcase(entry.arch, pattern)
    return by_arch or fnmatch.fnmatchcase(entry.name, pattern)


def _natural(name: str) -> list[list[tuple[bool, int, str]]]:
    """A sort key: the arch before the tag, and mnist9 before mnist10 (runs of digits compare as numbers)."""
    runs = [re.split(r"([0-9]+)", field) for field in name.split(".")]
    return [[(run.isdigit(), int(run) if run.isdigit() else 0, run) for run in field] for field in runs]
