"""Collect what a bug report needs: versions, plugins, devices, folders, registries, and problems.

The checks are independent: an invalid registry, for example, must not stop the others. No network.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo._utils.hash_cache import cache_folder
from zoo.errors import RemoteError, ZooError
from zoo.registry.index import Layer, Registry, layers, locate, user_registry
from zoo.remote.address import SCHEME
from zoo.remote.client import check_address

__all__ = ["Diagnosis", "Folder", "Problem", "diagnose"]

_MIN_FREE_BYTES = 1_000_000_000
_SECRET = re.compile("TOKEN|KEY|SECRET|PASSWORD")
_PREFIXES = ("ZOO_", "HF_", "CUDA_", "OMP_", "PYTORCH_")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in one line, and how to repair it."""

    what: str
    repair: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that zoo writes to: its use, its path, and the bytes that are free there."""

    use: str
    path: str
    writable: bool
    free: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The results. `versions` are of Python, zoo and its dependencies; `torch` says what torch is built for, `devices`
    are those that it can use;
    `variables` are environment variables that affect zoo (the values of secrets are not shown)."""

    versions: dict[str, str]
    plugins: tuple[plugins.Plugin, ...]
    torch: str
    devices: tuple[str, ...]
    folders: tuple[Folder, ...]
    registries: tuple[Layer, ...]
    variables: dict[str, str]
    problems: tuple[Problem, ...]

    def plain(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        return {
            "versions": self.versions,
            "plugins": [
                {key: plain[key] for key in ("name", "distribution", "version", "editable", "stage", "error")}
                for plain in (plugin.plain() for plugin in self.plugins)
            ],
            "torch": self.torch,
            "devices": list(self.devices),
            "folders": [asdict(folder) for folder in self.folders],
            "registries": [
                {
                    "path": str(layer.path),
                    "plugin": layer.plugin,
                    "models": len(layer.entries),
                    "problem": layer.problem,
                }
                for layer in self.registries
            ],
            "variables": self.variables,
            "problems": [asdict(problem) for problem in self.problems],
        }


def diagnose() -> Diagnosis:
    """Run all checks. Problems of the installation are in `problems` and not raised."""
    installed = plugins.plugins()
    devices, device_problems = _devices()
    endpoint_problems = _endpoint_problems()
    folders = _folders(hub=not endpoint_problems)
    registries = layers()
    problems = [
        *_plugin_problems(installed),
        *device_problems,
        *endpoint_problems,
        *_folder_problems(folders),
        *_registry_problems(registries),
    ]
    versions, variables = _versions(installed), _variables()
    return Diagnosis(versions, installed, torch_build(), devices, folders, registries, variables, tuple(problems))


def _versions(installed: tuple[plugins.Plugin, ...]) -> dict[str, str]:
    """Versions of Python, zoo, its requirements and installed extras, and every plugin."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    names = ["aegan-zoo", *(_name(line) for line in importlib.metadata.requires("aegan-zoo") or ()), "timm"]
    names += ["torchvision", *(plugin.distribution for plugin in installed)]
    for name in dict.fromkeys(names):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    return versions


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    assert match is not None, f"{requirement!r} names a distribution"
    return match[0]


def torch_build() -> str:
    """What torch is built for, such as `2.9.1, CPU build`; empty if it cannot be imported."""
    try:
        import torch
    except Exception:  # `_devices` reports it
        return ""
    hip = getattr(torch.version, "hip", None)
    kind = f"ROCm {hip} build" if hip else f"CUDA {torch.version.cuda} build" if torch.version.cuda else "CPU build"
    return f"{torch.__version__.partition('+')[0]}, {kind}"


def _devices() -> tuple[tuple[str, ...], list[Problem]]:
    try:
        import torch
    except Exception as error:  # a broken torch is a problem to report
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return (), [Problem(f"torch cannot be imported: {text}", "pip install --force-reinstall torch")]
    devices = [f"cpu: {platform.machine()}, {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"]
    problems = []
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(i)
            devices.append(f"cuda:{i}: {facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        devices.append("mps: Apple GPU")
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        pass  # only timm needs it, and reports that itself
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        problems.append(
            Problem(
                f"torchvision does not match torch {torch.__version__}: {text}",
                "pip install --upgrade torch torchvision",
            )
        )
    return tuple(devices), problems


def _endpoint_problems() -> list[Problem]:
    try:
        check_address()
    except RemoteError as error:
        return [Problem(error.message, error.hint)]
    return []


def _folders(hub: bool) -> tuple[Folder, ...]:
    folders = [_folder("cache", cache_folder()), _folder("your registry", user_registry().parent)]
    if hub:  # with an invalid HF_ENDPOINT its client cannot be imported
        from huggingface_hub import constants

        folders.insert(1, _folder("pulled releases", Path(constants.HF_HUB_CACHE)))
    return tuple(folders)


def _folder(use: str, path: Path) -> Folder:
    existing = next(folder for folder in (path, *path.resolve().parents) if folder.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Folder(use, str(path), writable, shutil.disk_usage(existing).free)


def _variables() -> dict[str, str]:
    return {
        name: "(set, not shown)" if _SECRET.search(name) else value
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES)
    }


def _plugin_problems(installed: tuple[plugins.Plugin, ...]) -> Iterator[Problem]:
    for plugin in installed:
        if plugin.error:
            what = f"plugin {plugin.name!r} ({plugin.release}) failed at the step {plugin.step}"
            yield Problem(f"{what}: {plugin.error}", plugins.repair(plugin))
    if not any(plugin.ready and plugin.distribution != "aegan-zoo" for plugin in installed):
        yield Problem("no plugin with networks is installed", plugins.install_command(*plugins.BUNDLED))


def _folder_problems(folders: tuple[Folder, ...]) -> Iterator[Problem]:
    for folder in folders:
        if not folder.writable:
            yield Problem(
                f"{folder.path} ({folder.use}) cannot be written", "Correct its permissions or choose another."
            )
        elif folder.free < _MIN_FREE_BYTES:
            yield Problem(f"{folder.path} ({folder.use}) has only {folder.free / 1e6:.0f} MB left", "Free some space.")


def _registry_problems(registries: tuple[Layer, ...]) -> Iterator[Problem]:
    for layer in registries:
        if layer.problem:
            yield Problem(layer.problem, f"It is {layer.path}. Check it: zoo registry check {layer.path}")
    entries = tuple(entry for layer in registries for entry in layer.entries)
    try:
        Registry(entries)
    except ZooError as error:
        yield Problem(error.message, error.hint)
    for entry in entries:
        if entry.source.startswith(SCHEME):
            continue  # it may not have been pulled yet
        try:
            locate(entry)
        except ZooError as error:
            yield Problem(f"{entry.name}: {error.message}", error.hint)
