"""What a bug report needs: versions, plugins and their failures, devices, folders, registries, and what is wrong.

Facts are gathered one by one and none may stop the others: a broken registry is what one runs this for. No network.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo._utils.hash_cache import cache_folder
from zoo.errors import RemoteError, ZooError
from zoo.registry.index import Layer, Registry, layers, locate, user_registry
from zoo.remote.address import SCHEME
from zoo.remote.client import check_address

__all__ = ["Diagnosis", "Folder", "Problem", "diagnose"]

_LITTLE_SPACE = 1_000_000_000
_SECRET = re.compile("TOKEN|KEY|SECRET|PASSWORD")
_PREFIXES = ("ZOO_", "HF_", "CUDA_", "OMP_", "PYTORCH_")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, in one line, and the next thing to do about it."""

    what: str
    repair: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that Zoo writes to: what for, where, and how many bytes are free there."""

    use: str
    path: str
    writable: bool
    free: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found. `versions` are of Python, Zoo and what it stands on; `devices` what torch can use;
    `variables` those of the environment that steer Zoo (secrets are named, not shown)."""

    versions: dict[str, str]
    plugins: tuple[plugins.Plugin, ...]
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
            "devices": list(self.devices),
            "folders": [{key: getattr(one, key) for key in Folder.__slots__} for one in self.folders],
            "registries": [
                {"path": str(one.path), "plugin": one.plugin, "models": len(one.entries), "problem": one.problem}
                for one in self.registries
            ],
            "variables": self.variables,
            "problems": [{"what": one.what, "repair": one.repair} for one in self.problems],
        }


def diagnose() -> Diagnosis:
    """Look at everything. Raises nothing that is wrong with the installation: that is in `problems`."""
    found = plugins.plugins()
    devices, device_problems = _devices()
    address_problems = _of_address()
    folders = _folders(hub=not address_problems)
    registries = layers()
    problems = [
        *_of_plugins(found),
        *device_problems,
        *address_problems,
        *_of_folders(folders),
        *_of_registries(registries),
    ]
    return Diagnosis(_versions(found), found, devices, folders, registries, _variables(), tuple(problems))


def _versions(found: tuple[plugins.Plugin, ...]) -> dict[str, str]:
    """Python, the core, its requirements and those of its extras that are installed, and every plugin."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    named = ["aegan-zoo", *(_name(line) for line in importlib.metadata.requires("aegan-zoo") or ()), "timm"]
    named += ["torchvision", *(one.distribution for one in found)]
    for name in dict.fromkeys(named):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that was not asked for
    return versions


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    assert match is not None, f"{requirement!r} names a distribution"
    return match[0]


def _devices() -> tuple[tuple[str, ...], list[Problem]]:
    try:
        import torch
    except Exception as error:  # a torch that cannot be imported is a finding
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
        pass  # only timm needs it, and says so
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        problems.append(
            Problem(
                f"torchvision does not fit torch {torch.__version__}: {text}",
                "pip install --upgrade torch torchvision",
            )
        )
    return tuple(devices), problems


def _of_address() -> list[Problem]:
    try:
        check_address()
    except RemoteError as error:
        return [Problem(error.message, error.hint)]
    return []


def _folders(hub: bool) -> tuple[Folder, ...]:
    folders = [_folder("notes and judges", cache_folder()), _folder("your registry", user_registry().parent)]
    if hub:  # else its client cannot even be imported
        from huggingface_hub import constants

        folders.insert(1, _folder("pulled releases", Path(constants.HF_HUB_CACHE)))
    return tuple(folders)


def _folder(use: str, path: Path) -> Folder:
    there = next(one for one in (path, *path.resolve().parents) if one.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Folder(use, str(path), writable, shutil.disk_usage(there).free)


def _variables() -> dict[str, str]:
    return {
        name: "(set, not shown)" if _SECRET.search(name) else value
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES)
    }


def _of_plugins(found: tuple[plugins.Plugin, ...]) -> Iterator[Problem]:
    for plugin in found:
        if plugin.error:
            what = f"plugin {plugin.name!r} ({plugin.release}) failed at the step {plugin.step}"
            yield Problem(f"{what}: {plugin.error}", plugins.repair(plugin))
    if not any(plugin.ready and plugin.distribution != "aegan-zoo" for plugin in found):
        yield Problem("no plugin brings networks", f"pip install {' '.join(plugins.BUNDLED)}")


def _of_folders(folders: tuple[Folder, ...]) -> Iterator[Problem]:
    for folder in folders:
        if not folder.writable:
            yield Problem(f"{folder.path} ({folder.use}) cannot be written", "Correct its rights or choose another.")
        elif folder.free < _LITTLE_SPACE:
            yield Problem(f"{folder.path} ({folder.use}) has only {folder.free / 1e6:.0f} MB left", "Free some space.")


def _of_registries(registries: tuple[Layer, ...]) -> Iterator[Problem]:
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
            continue  # it may well not be here yet
        try:
            locate(entry)
        except ZooError as error:
            yield Problem(f"{entry.name}: {error.message}", error.hint)
