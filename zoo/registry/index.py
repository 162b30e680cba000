"""The registry: which releases have names, from layered registry.toml files. No torch; the network only for a
release on the Hub that is not on this machine yet.

Layers, in this order: built-in, each plugin's (`zoo_registries()`), the user's (`$ZOO_CONFIG/registry.toml`,
or the platform's config folder), then the paths in `$ZOO_REGISTRY` and those given by the caller. No layer
shadows another: a name given twice is an error that names both files.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from zoo.errors import ConfigError, IntegrityError, ReleaseError, UnknownName, near
from zoo.registry.file import Entry, Sample, read_registry
from zoo.release.folder import read_manifest, read_manifest_bytes, verify_files
from zoo.release.manifest import MANIFEST, Manifest, parse_manifest
from zoo.release.names import pin_of
from zoo.remote.address import SCHEME, parse_address
from zoo.remote.pull import Pulled, cached, pull

__all__ = [
    "Entry",
    "Layer",
    "Registry",
    "Sample",
    "at_hand",
    "find",
    "get",
    "layers",
    "load_registry",
    "locate",
    "models",
    "open_release",
    "plugin_problems",
    "read_registry",
    "registry_files",
]

FILE = "registry.toml"


@dataclass(frozen=True, slots=True)
class Registry:
    """All entries of all layers, in layer order. Raises ReleaseError when two answer to one name."""

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        named: dict[str, Entry] = {}
        for entry in self.entries:
            for name in sorted(entry.answers_to):
                if name in named:
                    first = named[name]
                    raise _clash(name, first, entry)
                named[name] = entry

    def models(self, pattern: str = "*") -> tuple[Entry, ...]:
        """Entries whose name matches a glob, in natural order; one without a dot may match the arch alone."""
        wanted = pattern.casefold()
        listed = [entry for entry in self.entries if not entry.deprecated]
        chosen = [
            entry
            for entry in listed
            if fnmatch.fnmatchcase(entry.name, wanted)
            or ("." not in wanted and fnmatch.fnmatchcase(entry.arch, wanted))
        ]
        return tuple(sorted(chosen, key=lambda entry: _natural(entry.name)))

    def find(self, name: str) -> Entry:
        """The entry of a name, an alias, or an arch with a default; `NAME@VERSION` checks the version.

        Raises UnknownName with near matches. A deprecated entry is given with a FutureWarning.
        """
        wanted, at, version = name.casefold().partition("@")
        entry = next((entry for entry in self.entries if wanted in entry.answers_to), None)
        if entry is None:
            raise self._unknown(name, wanted)
        if at and version != entry.version:
            raise UnknownName(
                f"{entry.name} is version {entry.version} in {entry.origin}, not {version!r}",
                f"Use {entry.name} or {entry.name}@{entry.version}.",
            )
        if entry.deprecated:
            warnings.warn(f"{entry.name} is deprecated: {entry.deprecated}", FutureWarning, stacklevel=2)
        return entry

    def _unknown(self, name: str, wanted: str) -> UnknownName:
        tags = [entry.name for entry in self.models() if entry.arch == wanted]
        if tags:
            return UnknownName(f"{name!r} has no default", f"Choose one: {', '.join(tags)}.")
        known = {known for entry in self.models() for known in (entry.name, *entry.aliases)}
        hint = near(wanted, known) or "No model is registered; pip install zoo-starter brings some."
        return UnknownName(f"there is no model {name[:100]!r}", hint)


def models(pattern: str = "*") -> tuple[Entry, ...]:
    """The listed entries of all layers whose name matches a glob."""
    return load_registry().models(pattern)


def find(name: str) -> Entry:
    """The entry of a name in all layers. Raises UnknownName."""
    return load_registry().find(name)


def load_registry(extra: Iterable[Path] = ()) -> Registry:
    """Read every layer; `extra` paths come last. Raises ReleaseError naming the file and its wrong key.

    A plugin's file that is wrong, or that takes a name which another file has, is left out, with a warning; with
    `ZOO_STRICT_PLUGINS` it is an error like any other.
    """
    from zoo import plugins

    files = registry_files(extra)
    registry, problems = _read_layers(files)
    for owner, problem in problems.items():
        silence = f"It came with plugin {owner!r}; to go on without: ZOO_DISABLE_PLUGINS={owner}"
        if plugins.strict():
            raise ReleaseError(problem.message, f"{problem.hint} {silence}".strip())
        _tell(f"warning: {problem.message}\n  Its models are left out. {silence}")
    return registry


def plugin_problems() -> dict[str, str]:
    """What is wrong with the registry files of plugins, by plugin; nothing is printed or raised."""
    from zoo import plugins

    files = [("", _built_in()), *((owner, path) for owner, path in plugins.load().registries)]
    return {owner: problem.message for owner, problem in _read_layers(files)[1].items()}


def registry_files(extra: Iterable[Path] = ()) -> tuple[tuple[str, Path], ...]:
    """The registry files in layer order, each with the plugin that brought it ('' for the others)."""
    from zoo import plugins  # the host imports every plugin module: not before it is needed

    return _files(plugins.registries(), extra)


@dataclass(frozen=True, slots=True)
class Layer:
    """One registry file: the plugin that brought it ('' for the others), what it names, or what is wrong with it."""

    path: Path
    plugin: str
    entries: tuple[Entry, ...] = ()
    problem: str = ""


def layers() -> tuple[Layer, ...]:
    """Every registry file in layer order, each read for itself; nothing is printed, and nothing wrong is raised."""
    from zoo import plugins

    found = []
    for owner, path in _files(plugins.load().registries):
        try:
            found.append(Layer(path, owner, read_registry(path)))
        except ReleaseError as error:
            found.append(Layer(path, owner, problem=error.message))
    return tuple(found)


def _files(brought: Iterable[tuple[str, Path]], extra: Iterable[Path] = ()) -> tuple[tuple[str, Path], ...]:
    files = [("", _built_in()), *brought]
    users = Path(os.environ.get("ZOO_CONFIG") or platformdirs.user_config_dir("zoo", appauthor=False)) / FILE
    if users.exists():
        files.append(("", users))
    listed = [Path(path) for path in os.environ.get("ZOO_REGISTRY", "").split(os.pathsep) if path]
    files.extend(("", path) for path in (*listed, *extra))
    return tuple(files)


def locate(entry: Entry) -> Path:
    """The folder of a registered release, its zoo.json held to the registry's pin.

    Raises ReleaseError when it is not on this machine, IntegrityError when zoo.json is another one.
    """
    folder, _ = _pinned_manifest(entry)
    return folder


def at_hand(entry: Entry) -> tuple[Path, Manifest] | None:
    """A registered release that lies on this machine: folder and manifest, held to the registry's pin. Asks no server.

    None where it would have to be pulled or is not what the registry says; `open_release` tells why.
    """
    try:
        if entry.source.startswith(SCHEME):
            address = parse_address(entry.source)
            return cached(address.repo, address.revision, entry.manifest)
        folder, data = _pinned_manifest(entry)
        manifest = parse_manifest(data, str(folder / MANIFEST))
        _require_agreement(entry, manifest)
    except (ConfigError, ReleaseError):
        return None
    return folder, manifest


def open_release(name_or_dir: str | Path, registry: Registry | None = None) -> tuple[Path, Manifest]:
    """A release by folder (one that has a zoo.json), registry name or `hub:org/name[@revision]`: folder and manifest.

    A folder comes before a name. What is on the Hub is pulled unless it is whole on this machine. For a name the
    manifest is held to the registry's pin and must say the same facts.

    Raises UnknownName, ReleaseError, IntegrityError, RemoteError.
    """
    if isinstance(name_or_dir, str) and name_or_dir.startswith(SCHEME):
        pulled = pull(parse_address(name_or_dir), check=False)
        return pulled.folder, pulled.manifest
    folder = Path(name_or_dir)
    if os.path.exists(folder / MANIFEST):
        return folder, read_manifest(folder)
    if isinstance(name_or_dir, Path) or os.sep in name_or_dir or os.path.isdir(name_or_dir):
        if not os.path.isdir(name_or_dir):
            raise ReleaseError(
                f"there is no folder {name_or_dir}",
                "Check the path. Releases by name: zoo list; runs: zoo runs ls; on the Hub: hub:org/name",
            )
        raise ReleaseError(
            f"{name_or_dir} is not a release or a run: it has no {MANIFEST} and no recipe.toml",
            "Releases by name: zoo list; runs: zoo runs ls",
        )
    entry = (registry or load_registry()).find(name_or_dir)
    folder, data = _pinned_manifest(entry)
    manifest = parse_manifest(data, str(folder / MANIFEST))
    _require_agreement(entry, manifest)
    return folder, manifest


def _read_layers(files: Iterable[tuple[str, Path]]) -> tuple[Registry, dict[str, ReleaseError]]:
    """The registry of the files that are right, and per plugin what is wrong with its own."""
    problems: dict[str, ReleaseError] = {}
    layers: list[tuple[str, tuple[Entry, ...]]] = []
    for owner, path in files:
        try:
            layers.append((owner, read_registry(path)))
        except ReleaseError as error:
            if not owner:
                raise
            problems[owner] = error
    named: dict[str, tuple[str, Entry]] = {}
    for owner, entries in layers:
        for entry in entries:
            for name in sorted(entry.answers_to):
                other, first = named.setdefault(name, (owner, entry))
                if first is not entry and (owner or other):
                    # Neither plugin may shadow the other, nor take a name of the user's or of the core.
                    clash = _clash(name, first, entry)
                    problems |= {plugin: clash for plugin in (owner, other) if plugin}
    kept = [entry for owner, entries in layers if owner not in problems for entry in entries]
    return Registry(tuple(kept)), problems


def _clash(name: str, first: Entry, second: Entry) -> ReleaseError:
    return ReleaseError(
        f"two models answer to {name!r}: {first.name} in {first.origin}, {second.name} in {second.origin}",
        "Rename or remove one, or take its default = true or alias away.",
    )


@functools.cache
def _tell(text: str) -> None:
    """Once a process."""
    print(text, file=sys.stderr)


def get(name: str, *, refresh: bool = False) -> Pulled:
    """Bring a release onto this machine if it is not there, and check every byte of it.

    `name` as in `open_release`; of a release that is not on the Hub the commit is empty. Raises what that raises.
    """
    source = name if name.startswith(SCHEME) else ""
    pin = None
    if not source and not os.path.exists(Path(name) / MANIFEST):
        entry = load_registry().find(name)
        if entry.source.startswith(SCHEME):
            source, pin = entry.source, entry.manifest
    if source:
        return pull(parse_address(source), pin, refresh=refresh)
    folder, manifest = open_release(name)
    verify_files(folder, manifest)
    return Pulled(folder, "", manifest, requested=False)


def _built_in() -> Path:
    """In a wheel the file lies in the package; in a source checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    for path in (package / FILE, package.parent / FILE):
        if path.is_file():
            return path
    raise ReleaseError("the built-in registry is missing", "Repair: pip install --force-reinstall aegan-zoo")


def _folder(entry: Entry) -> Path:
    kind, _, rest = entry.source.partition(":")
    if kind == "dir":
        return entry.origin.resolve().parent / rest
    if kind == "hub":
        return pull(parse_address(rest), entry.manifest, check=False).folder
    package, _, inside = rest.partition("/")
    try:
        spec = importlib.util.find_spec(package)  # a top-level name: found without running its code
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        hint = f"pip install {package.replace('_', '-')}"
        raise ReleaseError(f"{entry.name} comes with package {package!r}, which is not installed", hint)
    places = [Path(place) / inside for place in spec.submodule_search_locations]
    return next((place for place in places if place.is_dir()), places[0])


def _pinned_manifest(entry: Entry) -> tuple[Path, bytes]:
    folder = _folder(entry)
    data = read_manifest_bytes(folder)
    found = pin_of(data)
    if found != entry.manifest:
        raise IntegrityError(
            f"{folder / MANIFEST} is {found[:19]}...; {entry.origin} pins {entry.manifest[:19]}...",
            "Install the release again, or correct the registry if the release is yours.",
        )
    return folder, data


def _require_agreement(entry: Entry, manifest: Manifest) -> None:
    pairs: Sequence[tuple[str, Any, Any]] = (
        ("name", entry.name, manifest.name),
        ("version", entry.version, manifest.version),
        ("license", entry.license, manifest.license),
        ("latent_dim", entry.latent_dim, manifest.latent_dim),
        ("data.shape", entry.data.shape, manifest.data.shape),
        ("parts", tuple(sorted(entry.parts)), manifest.holds),
    )
    for key, registered, told in pairs:
        if registered != told:
            raise ReleaseError(
                f"{entry.origin} says {key} = {registered!r} of {entry.name}; its {MANIFEST} says {told!r}",
                "Correct the registry.",
            )


def _natural(name: str) -> list[list[tuple[bool, int, str]]]:
    """The arch before the tag, and mnist9 before mnist10: runs of digits compare as numbers."""
    words = [re.split(r"([0-9]+)", word) for word in name.split(".")]
    return [[(piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in word] for word in words]
