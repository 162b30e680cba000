"""`zoo plugins new`: a new plugin from the template beside this file. It installs, passes its tests and trains."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from zoo import plugins
from zoo._utils.files import make_folders
from zoo.errors import ConfigError, StorageError

__all__ = ["scaffold"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RESERVED = ("core", "zoo", "aegan-zoo")


def scaffold(name: str, folder: Path) -> list[Path]:
    """Write a distribution `zoo-<name>` into `folder`, which must be absent or empty; return the files.

    Raises ConfigError for a name that is not allowed or is taken by something installed, and for a folder that is in
    use; StorageError if writing fails.
    """
    if not _NAME.fullmatch(name) or name in _RESERVED or len(name) > 50:
        raise ConfigError(f"{name!r} cannot name a plugin", "Use small letters, digits and '-', for example my-nets.")
    package = f"zoo_{name.replace('-', '_')}"
    _require_unused(name, package)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists", "Give another folder: --out DIR.")
    placeholders = {
        "name": name,
        "package": package,
        "cls": "".join(word.capitalize() for word in name.split("-")),
    }
    written = []
    try:
        for path, source in _templates(files("zoo.scaffold") / "template", ""):
            target = folder / path.replace("package/", f"{package}/").removesuffix(".tmpl")
            make_folders(target.parent)
            target.write_text(Template(source.read_text("utf-8")).substitute(placeholders), "utf-8")
            written.append(target)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return written


def _require_unused(name: str, package: str) -> None:
    """Raise ConfigError if an installed plugin has the plugin's name, its module or its distribution."""
    distribution = f"zoo-{name}"
    hint = "Choose another name. To replace what is installed, first: pip uninstall {}"
    for plugin in plugins.plugins():
        module = re.split(r"[.:]", plugin.target)[0]
        if name == plugin.name or package == module:
            raise ConfigError(
                f"{name!r} is taken: {plugin.release} is installed and has the plugin {plugin.name!r} in {module}",
                hint.format(plugin.distribution),
            )
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version(distribution)
        raise ConfigError(f"{name!r} is taken: {distribution} {version} is installed", hint.format(distribution))


def _templates(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    templates = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            templates += _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".tmpl"):
            templates.append((f"{prefix}{entry.name}", entry))
    return templates
