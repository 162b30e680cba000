"""Find plugins by entry point and import them one at a time.

A plugin that fails at some step is recorded as data (step, distribution, cause) and reported once on stderr; it never
stops a command that does not need it. `ZOO_PLUGINS` and `ZOO_DISABLE_PLUGINS` (comma-separated names) choose which
plugins are loaded; `ZOO_STRICT_PLUGINS=1` makes any failure fatal. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo.errors import PluginError, near
from zoo.plugins import hookspecs
from zoo.plugins.failures import format_traceback, one_line, report_failures
from zoo.plugins.types import Host, Plugin, RegisteredComponent
from zoo.types import KINDS, Component

__all__ = ["host", "load", "plugins", "registries"]

_CORE = "zoo.plugins.core"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IMPORT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@functools.cache
def host() -> Host:
    """Every plugin of this process; failures are reported once. Raises PluginError for the first one that failed if
    `ZOO_STRICT_PLUGINS` is set."""
    loaded = load()
    report_failures(loaded.plugins)
    return loaded


@functools.cache
def load() -> Host:
    """Discover and import every plugin, once a process. Failures are data in the result: nothing is printed or
    raised."""
    loaded: list[Plugin] = []
    components: list[RegisteredComponent] = []
    registries: list[tuple[str, Path]] = []
    event_hooks: dict[str, Callable[..., Any]] = {}
    for plugin, entry_point in _discover():
        if plugin.error or plugin.step == "disabled":
            loaded.append(plugin)
            continue
        step = "import"
        try:
            with contextlib.redirect_stdout(sys.stderr):  # a plugin's print must not end up in a command's JSON
                module = _import(entry_point)
                step = "api"
                _check_api(module)
                step = "register"
                manager = _register(module)
                step = "collect"
                offered, paths = _collect(manager, module)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"That was while plugin {plugin.name!r} was loaded. Without it: ZOO_DISABLE_PLUGINS={plugin.name}"
            ) from stop
        except (Exception, SystemExit) as error:  # another author's code may raise anything
            loaded.append(replace(plugin, step=step, error=one_line(error), traceback=format_traceback(error)))
            continue
        plugin = replace(plugin, step="ready")
        loaded.append(plugin)
        components += [RegisteredComponent(component, plugin) for component in offered]
        registries += [(plugin.name, path) for path in paths]
        if manager.hook.zoo_run_event.get_hookimpls():
            event_hooks[plugin.name] = manager.hook.zoo_run_event
    return Host(tuple(loaded), tuple(components), tuple(registries), event_hooks)


def plugins() -> tuple[Plugin, ...]:
    """Every discovered plugin, ready or not; nothing is printed."""
    return load().plugins


def registries() -> list[tuple[str, Path]]:
    """The registry.toml files that plugins ship, as (plugin name, path)."""
    return list(host().registries)


# ---------------------------------------------------------------- the life cycle, one step each


def _discover() -> list[tuple[Plugin, importlib.metadata.EntryPoint]]:
    wanted = _names("ZOO_PLUGINS")
    unwanted = _names("ZOO_DISABLE_PLUGINS")
    rows = []
    for entry_point in importlib.metadata.entry_points(group=hookspecs.GROUP):
        plugin = Plugin(entry_point.name, entry_point.value, *_distribution(entry_point.dist))
        if entry_point.name in unwanted or (wanted and entry_point.name not in wanted | {"core"}):
            plugin = replace(plugin, step="disabled")
        rows.append((plugin, entry_point))
    rows = list(dict.fromkeys(rows))  # an editable install can be listed twice
    enabled = [plugin for plugin, _ in rows if plugin.step != "disabled"]
    return sorted(
        ((_unique(plugin, enabled) if plugin.step != "disabled" else plugin, ep) for plugin, ep in rows),
        key=lambda row: (row[0].name, row[0].distribution),
    )


def _distribution(dist: importlib.metadata.Distribution | None) -> tuple[str, str, str, str, bool]:
    """The fields of a `Plugin` from `distribution` to `editable` (PEP 610); `unknown` if the metadata is broken."""
    name = version = "unknown"
    editable = False
    with contextlib.suppress(Exception):
        assert dist is not None
        name = dist.name or name
        version = dist.version or version
        origin = json.loads(dist.read_text("direct_url.json") or "{}")
        editable = bool(origin.get("dir_info", {}).get("editable", False))
    return name, version, "discovered", "", editable


def _unique(plugin: Plugin, enabled: list[Plugin]) -> Plugin:
    """The plugin, or its failure if it shares its name: then neither of the two is used. `core` is zoo's own."""
    if plugin.name == "core":
        if plugin.target == _CORE:
            return plugin
        return replace(plugin, step="unique", error="the name 'core' belongs to zoo itself")
    owners = sorted(other.release for other in enabled if other.name == plugin.name)
    if len(owners) == 1:
        return plugin
    error = f"{len(owners)} distributions call a plugin {plugin.name!r}: {' and '.join(owners)}"
    return replace(plugin, step="unique", error=error)


def _import(entry_point: importlib.metadata.EntryPoint) -> ModuleType:
    module = entry_point.load()
    if not isinstance(module, ModuleType):
        raise TypeError(f"entry point {entry_point.value} is not a module")
    return module


def _check_api(module: ModuleType) -> None:
    version = getattr(module, "ZOO_API", None)
    if version != hookspecs.API:
        made_for = f"is made for plugin API {version}" if version else "does not set ZOO_API"
        raise PluginError(
            f"{module.__name__} {made_for}; this version of zoo needs plugins with ZOO_API = {hookspecs.API}"
        )


def _register(module: ModuleType) -> pluggy.PluginManager:
    """The plugin's hooks, in a manager of its own: pluggy may refuse it half-way, and no other plugin is affected."""
    manager = pluggy.PluginManager("zoo")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise PluginError(f"{module.__name__} defines no hook (decorate zoo_components with zoo.plugin.hook)")
    return manager


def _collect(manager: pluggy.PluginManager, module: ModuleType) -> tuple[list[Component], list[Path]]:
    """The components and the registry files that the plugin offers."""
    results = manager.hook.zoo_components()
    if not results and hasattr(module, "zoo_components"):
        raise PluginError(f"{module.__name__}.zoo_components returned None")
    components = [component for result in results for component in result]
    for component in components:
        _check_component(component)
    for (kind, name), count in Counter((c.kind, c.name) for c in components).items():
        if count > 1:
            raise PluginError(f"it offers the {kind} {name} twice")
    return components, [Path(path) for result in manager.hook.zoo_registries() for path in result]


def _check_component(component: object) -> None:
    if not isinstance(component, Component):
        raise PluginError(f"zoo_components gave a {type(component).__name__}, not a zoo.types.Component")
    if component.kind not in KINDS:
        raise PluginError(
            f"component {component.name!r} has the unknown kind {component.kind!r}. {near(str(component.kind), KINDS)}"
        )
    if bool(component.names) != (component.name == "*"):
        raise PluginError(f"component {component.name!r}: a family is called '*' and has `names`")
    for name in (component.name, *component.aliases):
        if not isinstance(name, str) or not (_NAME.fullmatch(name) or (name == "*" and component.names)):
            raise PluginError(f"component {name!r}: a name is letters, digits, '.', '_' and '-'")
    optional = filter(None, [component.names, component.migrate, component.cases])
    for path in (component.target, component.config, *optional):
        if not isinstance(path, str) or not _IMPORT.fullmatch(path):
            raise PluginError(f"component {component.name!r}: {path!r} is not of the form 'package.module:name'")


def _names(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}
