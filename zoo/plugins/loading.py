"""The plugin host: finds plugins by entry point and imports them one at a time.

A plugin that fails at any step is recorded as data (stage, distribution, cause) and told once on stderr; it
never stops work that does not need it. `ZOO_PLUGINS` and `ZOO_DISABLE_PLUGINS` (comma-separated names) choose
which are loaded; `ZOO_STRICT_PLUGINS=1` makes any failure fatal. Nothing here imports torch.
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
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo.errors import PluginError, near
from zoo.plugins import hookspecs
from zoo.plugins.failures import one_line, warn, whole, whose
from zoo.plugins.records import Host, Plugin, RegisteredComponent
from zoo.types import KINDS, Component

__all__ = ["host", "load", "plugins", "registries"]

_CORE = "zoo.plugins.core"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IMPORT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@functools.cache
def host() -> Host:
    """Every plugin of this process, loaded and told of once. Raises PluginError for a broken one if
    `ZOO_STRICT_PLUGINS` is set."""
    loaded = load()
    warn(loaded.plugins)
    return loaded


@functools.cache
def load() -> Host:
    """Discover and import every plugin, once a process; failures are data in it, nothing is printed or raised."""
    manager = pluggy.PluginManager("zoo")
    manager.add_hookspecs(hookspecs)
    found: list[Plugin] = []
    offers: list[RegisteredComponent] = []
    registries: list[tuple[str, Path]] = []
    for plugin, entry_point in _discover():
        if plugin.error or plugin.stage == "disabled":
            found.append(plugin)
            continue
        stage = "import"
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what it prints must not spoil what a command prints
                module = _import(entry_point)
                stage = "api"
                _check_api(module)
                stage = "register"
                _register(manager, module, plugin.name)
                stage = "collect"
                new_offers, new_registries = _collect(manager, module, plugin)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"That was while plugin {plugin.name!r} was loaded. Without it: ZOO_DISABLE_PLUGINS={plugin.name}"
            ) from stop
        except (Exception, SystemExit) as error:  # a stranger's code: whatever it does is data here
            _unregister(manager, plugin.name)
            found.append(replace(plugin, stage=stage, error=one_line(error), traceback=whole(error)))
            continue
        ready = replace(plugin, stage="ready")
        found.append(ready)
        offers += [replace(registered, plugin=ready) for registered in new_offers]
        registries += new_registries
    return Host(tuple(found), tuple(offers), tuple(registries), _event_hooks(manager, found))


def plugins() -> tuple[Plugin, ...]:
    """Every discovered plugin, ready or not; what is wrong with them is told in the records alone."""
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
            plugin = replace(plugin, stage="disabled")
        rows.append((plugin, entry_point))
    rows = list(dict.fromkeys(rows))  # an editable install can be listed twice
    enabled = [plugin for plugin, _ in rows if plugin.stage != "disabled"]
    return sorted(
        ((_unique(plugin, enabled) if plugin.stage != "disabled" else plugin, ep) for plugin, ep in rows),
        key=lambda row: (row[0].name, row[0].distribution),
    )


def _distribution(dist: importlib.metadata.Distribution | None) -> tuple[str, str, str, str, bool]:
    """Name, version, and whether it is an editable install (PEP 610), with the record's defaults between; a broken
    folder of metadata gives `unknown`."""
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
    """Of two plugins of one name neither is used; `core` is the core's."""
    own = plugin.target == _CORE
    if plugin.name == "core":
        return plugin if own else replace(plugin, stage="unique", error="the name 'core' is taken by the core itself")
    owners = sorted(whose(other) for other in enabled if other.name == plugin.name)
    if len(owners) == 1:
        return plugin
    error = f"{len(owners)} distributions call a plugin {plugin.name!r}: {' and '.join(owners)}"
    return replace(plugin, stage="unique", error=error)


def _import(entry_point: importlib.metadata.EntryPoint) -> ModuleType:
    module = entry_point.load()
    if not isinstance(module, ModuleType):
        raise TypeError(f"entry point {entry_point.value} is not a module")
    return module


def _check_api(module: ModuleType) -> None:
    version = getattr(module, "ZOO_API", None)
    if version != hookspecs.API:
        raise PluginError(f"{module.__name__}.ZOO_API is {version!r}; this zoo speaks {hookspecs.API}")


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    manager.register(module, name=name)
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise PluginError(
            f"{module.__name__} defines no hook (decorate zoo_components with zoo.plugins.hookspecs.hook)"
        )


def _unregister(manager: pluggy.PluginManager, name: str) -> None:
    """Take a plugin out again, also one that pluggy refused half-way."""
    module = manager.get_plugin(name)
    if module is None:
        return
    for caller in manager.get_hookcallers(module) or ():
        with contextlib.suppress(ValueError):
            caller._remove_plugin(module)
    manager.unregister(name=name)


def _collect(
    manager: pluggy.PluginManager, module: ModuleType, plugin: Plugin
) -> tuple[list[RegisteredComponent], list[tuple[str, Path]]]:
    others = [p for p in manager.get_plugins() if p is not module]
    offers: list[RegisteredComponent] = []
    given = manager.subset_hook_caller("zoo_components", others)()
    if not given and hasattr(module, "zoo_components"):
        raise PluginError(f"{module.__name__}.zoo_components returned None")
    for records in given:
        for record in records:
            _check_component(record)
            offers.append(RegisteredComponent(record, plugin))
    twice = [key for key, n in Counter((o.component.kind, o.id) for o in offers).items() if n > 1]
    if twice:
        raise PluginError(f"it offers {twice[0][0]} {twice[0][1]} twice")
    paths = [
        (plugin.name, Path(path)) for group in manager.subset_hook_caller("zoo_registries", others)() for path in group
    ]
    return offers, paths


def _event_hooks(manager: pluggy.PluginManager, found: Iterable[Plugin]) -> dict[str, Callable[..., Any]]:
    """Each ready plugin's own `zoo_run_event`, where it has one."""
    hooks: dict[str, Callable[..., Any]] = {}
    for plugin in found:
        module = manager.get_plugin(plugin.name) if plugin.ready else None
        if module is not None and any(c.name == "zoo_run_event" for c in manager.get_hookcallers(module) or ()):
            others = [other for other in manager.get_plugins() if other is not module]
            hooks[plugin.name] = manager.subset_hook_caller("zoo_run_event", others)
    return hooks


def _check_component(record: object) -> None:
    if not isinstance(record, Component):
        raise PluginError(f"zoo_components gave a {type(record).__name__}, not a zoo.types.Component")
    if record.kind not in KINDS:
        raise PluginError(
            f"component {record.name!r} has the unknown kind {record.kind!r}. {near(str(record.kind), KINDS)}"
        )
    if bool(record.names) != (record.name == "*"):
        raise PluginError(f"component {record.name!r}: a family is called '*' and has `names`")
    for name in (record.name, *record.aliases):
        if not isinstance(name, str) or not (_NAME.fullmatch(name) or (name == "*" and record.names)):
            raise PluginError(f"component {name!r}: a name is letters, digits, '.', '_' and '-'")
    for path in (record.target, record.config, *filter(None, [record.names])):
        if not isinstance(path, str) or not _IMPORT.fullmatch(path):
            raise PluginError(f"component {record.name!r}: {path!r} is not of the form 'package.module:name'")


def _names(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}
