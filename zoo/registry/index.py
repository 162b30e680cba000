"""The registry: named releases from layered registry.toml files. No torch; the network is used only for a release on
the Hub that is not on this machine yet.

Layers, in this order: built-in, each plugin's (`zoo_registries()`), the user's (`$ZOO_CONFIG/registry.toml`,
or the platform's config folder), then the paths in `$ZOO_REGISTRY` and those given by the caller. No layer
shadows another: if two layers have the same name, the error names both files. All versions of a name are therefore in
one file.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from zoo.errors import ConfigError, IntegrityError, ReleaseError, RemoteError, UnknownName
from zoo.plugins import not_vouched
from zoo.plugins.install import install_command, is_from_repository
from zoo.registry.file import Entry, Sample
from zoo.registry.lookup import Registry, clash_error, clashes
from zoo.registry.parsed import read_registry
from zoo.release.folder import read_manifest, read_manifest_bytes, verify_files
from zoo.release.manifest import MANIFEST, Manifest, parse_manifest
from zoo.release.names import pin_of
from zoo.remote.address import SCHEME, as_address, parse_address
from zoo.remote.pull import PulledRelease, find_cached, pull
from zoo.types import Origin

__all__ = [
    "Entry",
    "Layer",
    "Registry",
    "Sample",
    "available_release",
    "find",
    "get",
    "is_bundled",
    "layers",
    "load_registry",
    "locate",
    "models",
    "open_first_stage",
    "open_release",
    "plugin_problems",
    "read_registry",
    "registry_files",
    "user_registry",
]

FILE = "registry.toml"


def models(pattern: str = "*") -> tuple[Entry, ...]:
    """The newest version of each model of all layers whose name matches a glob; every version if it has an `@`, as in
    `dcgan.*@*`. Deprecated ones are not listed."""
    return load_registry().models(pattern)


def find(name: str) -> Entry:
    """The newest version of a name in all layers, or that of `NAME@VERSION`. Raises UnknownName."""
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


def is_bundled(layer: Layer) -> bool:
    """Whether a registry came with Zoo or with an installed plugin."""
    return bool(layer.plugin) or layer.path == _built_in()


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
        return _open(entry)
    except (ConfigError, ReleaseError):
        return None


def open_release(name_or_dir: str | Path, registry: Registry | None = None) -> tuple[Path, Manifest]:
    """Folder and manifest of a release, given a folder with a zoo.json, a registry name or `hub:org/name[@revision]`.

    A folder takes precedence over a name. A release on the Hub is pulled unless it is complete on this machine. For a
    name, the manifest must match the registry's pin and facts.

    Raises UnknownName, ReleaseError, IntegrityError, RemoteError.
    """
    if isinstance(name_or_dir, str) and name_or_dir.startswith(SCHEME):
        pulled = pull(parse_address(name_or_dir), check=False)
        return pulled.folder, pulled.manifest
    return _open(_find(name_or_dir, registry))


def open_first_stage(origin: Origin, owner: str) -> tuple[Path, Manifest]:
    """Folder and manifest of the release that a model's first stage is; pulled if it is not on this machine. Raises
    IntegrityError if it is another one than the model was trained with, RemoteError or ReleaseError, naming `owner`, if
    it cannot be had."""
    try:
        folder, manifest = open_release(origin.address)
    except (UnknownName, ReleaseError, RemoteError) as error:
        if isinstance(error, IntegrityError):
            raise
        raise type(error)(
            f"{owner}, {origin.name} {origin.version} ({origin.address}), cannot be had: {error.message}",
            "No code can be decoded without it: get it from its publisher, then zoo registry add FOLDER; or, if it is "
            "yours, push it (zoo push) and train with what is on the Hub.",
        ) from error
    if (pin := pin_of(read_manifest_bytes(folder))) != origin.manifest:
        raise IntegrityError(
            f"{owner} was trained with {origin.name} {origin.version}, {origin.manifest[:19]}...; "
            f"{origin.address} is {pin[:19]}...",
            "That is another release under the same name: ask the publisher.",
        )
    return folder, manifest


def _find(name_or_dir: str | Path, registry: Registry | None = None) -> Entry | Path:
    """What a name means that is no address: a folder with a zoo.json, or an entry. Raises UnknownName, ReleaseError."""
    folder = Path(name_or_dir)
    if os.path.exists(folder / MANIFEST):
        return folder
    if isinstance(name_or_dir, Path) or os.sep in name_or_dir or os.path.isdir(name_or_dir):
        if not os.path.isdir(name_or_dir):
            address = as_address(str(name_or_dir)) or "hub:org/name"
            raise ReleaseError(
                f"there is no folder {name_or_dir}",
                f"Check the path. Releases by name: zoo list; runs: zoo runs ls; on the Hub: {address}",
            )
        raise ReleaseError(
            f"{name_or_dir} is not a release or a run: it has no {MANIFEST} and no recipe.toml",
            "Releases by name: zoo list; runs: zoo runs ls",
        )
    return (registry or load_registry()).find(name_or_dir)


def _open(named: Entry | Path) -> tuple[Path, Manifest]:
    """Folder and manifest; that of an entry must match the registry."""
    if isinstance(named, Path):
        return named, read_manifest(named)
    folder, data = _pinned_manifest(named)
    manifest = parse_manifest(data, str(folder / MANIFEST))
    _require_agreement(named, manifest)
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
    owners = {entry.origin: owner for owner, entries in layers for entry in entries}
    for name, first, second in clashes(entry for _, entries in layers for entry in entries):
        # neither plugin may shadow the other, or use a name of the user's or of zoo's own registry
        problem = clash_error(name, first, second)
        problems |= {owner: problem for entry in (first, second) if (owner := owners[entry.origin])}
    valid = [entry for owner, entries in layers if owner not in problems for entry in entries]
    return Registry(tuple(valid)), problems


@functools.cache
def _warn_once(text: str) -> None:
    """Print a warning on stderr, once a process."""
    print(text, file=sys.stderr)


def get(name: str, *, refresh: bool = False) -> PulledRelease:
    """Pull a release, and the one that its first stage is, if they are not on this machine; check every byte of both.

    `name` is as in `open_release`; the commit is empty for a release that is not on the Hub. Raises like
    `open_release`.
    """
    release = _get(name, refresh=refresh)
    first_stage = release.manifest.first_stage
    if first_stage is not None and first_stage.pinned is not None:
        folder, manifest = open_first_stage(first_stage.pinned, f"the first stage of {release.manifest.name}")
        verify_files(folder, manifest)
    return release


def _get(name: str, *, refresh: bool) -> PulledRelease:
    if name.startswith(SCHEME):
        return pull(parse_address(name), refresh=refresh)
    named = _find(name)
    if isinstance(named, Entry) and named.source.startswith(SCHEME):
        return pull(parse_address(named.source), named.manifest, refresh=refresh)
    folder, manifest = _open(named)
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
        name = package.replace("_", "-")
        hint = install_command(name) if is_from_repository(name) else not_vouched(name)
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
        ("name", entry.release or entry.name, manifest.name),
        ("version", entry.version, manifest.version),
        ("license", entry.license, manifest.license),
        ("code_shape", entry.code_shape, manifest.code_shape),
        ("data.shape", entry.data.shape, manifest.output.shape),
        ("parts", tuple(sorted(entry.parts)), manifest.holds),
        ("plugins", tuple(sorted(entry.plugins)) or manifest.distributions, manifest.distributions),
    )
    for key, registered, actual in pairs:
        if registered != actual:
            raise ReleaseError(
                f"{entry.origin} says {key} = {registered!r} of {entry.name}; its {MANIFEST} says {actual!r}",
                "Correct the registry.",
            )
