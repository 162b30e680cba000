"""The plugin host: finds plugins by entry point, imports them one at a time, and looks up what they offer.

A plugin that fails at any step is recorded as data (stage, distribution, cause) and told once on stderr; it
never stops work that does not need it. `ZOO_PLUGINS` and `ZOO_DISABLE_PLUGINS` (comma-separated names) choose
which are loaded; `ZOO_STRICT_PLUGINS=1` makes any failure fatal. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import importlib
import importlib.metadata
import json
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo import hookspecs
from zoo.config import from_plain, to_plain
from zoo.errors import ConfigError, PluginError, UnknownName, ZooError, near
from zoo.specs import KINDS, Component, PartSpec

__all__ = [
    "Offer",
    "Plugin",
    "build",
    "components",
    "config_class",
    "configure",
    "find",
    "fresh",
    "host",
    "load",
    "normalise",
    "plugins",
    "registries",
    "repair",
    "require",
    "resolve",
    "strict",
]

_CORE = "zoo.builtin"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IMPORT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

_LONGEST = 400
BUNDLED = ("zoo-dcgan", "zoo-mlp", "zoo-r3gan", "zoo-starter", "zoo-timm", "zoo-trackers", "zoo-transfer")


@dataclass(frozen=True, slots=True)
class Plugin:
    """One discovered plugin and how far it came: `ready`, `disabled`, or the stage at which it failed.

    `error` is the cause in one line, empty when there is none; `traceback` the whole of it.
    """

    name: str
    target: str
    distribution: str
    version: str
    stage: str = "discovered"
    error: str = ""
    editable: bool = False
    traceback: str = field(default="", repr=False, compare=False)

    @property
    def ready(self) -> bool:
        """Whether its components can be used."""
        return self.stage == "ready"


@dataclass(frozen=True, slots=True)
class Offer:
    """A component and the plugin that offers it."""

    component: Component
    plugin: Plugin

    @property
    def id(self) -> str:
        """The full id, `<plugin>/<name>`."""
        return f"{self.plugin.name}/{self.component.name}"


@dataclass(frozen=True, slots=True)
class Host:
    """All plugins of this process, with what the ready ones offer."""

    plugins: tuple[Plugin, ...]
    offers: tuple[Offer, ...]
    registries: tuple[tuple[str, Path], ...]
    events: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """The `zoo_run_event` hooks, by plugin."""


@functools.cache
def host() -> Host:
    """Every plugin of this process, loaded and told of once. Raises PluginError for a broken one if
    `ZOO_STRICT_PLUGINS` is set."""
    loaded = load()
    _warn(loaded.plugins)
    return loaded


@functools.cache
def load() -> Host:
    """Discover and import every plugin, once a process; failures are data in it, nothing is printed or raised."""
    manager = pluggy.PluginManager("zoo")
    manager.add_hookspecs(hookspecs)
    found: list[Plugin] = []
    offers: list[Offer] = []
    registries: list[tuple[str, Path]] = []
    for plugin, entry_point in _discover():
        if plugin.error or plugin.stage == "disabled":
            found.append(plugin)
            continue
        stage = "import"
        try:
            module = _import(entry_point)
            stage = "api"
            _check_api(module)
            stage = "register"
            _register(manager, module, plugin.name)
            stage = "collect"
            new_offers, new_registries = _collect(manager, module, plugin)
        except (Exception, SystemExit) as error:  # a stranger's code: whatever it does is data here
            _unregister(manager, plugin.name)
            found.append(replace(plugin, stage=stage, error=_one_line(error), traceback=_traceback(error)))
            continue
        ready = replace(plugin, stage="ready")
        found.append(ready)
        offers += [replace(offer, plugin=ready) for offer in new_offers]
        registries += new_registries
    return Host(tuple(found), tuple(offers), tuple(registries), _event_hooks(manager, found))


def plugins() -> tuple[Plugin, ...]:
    """Every discovered plugin, ready or not; what is wrong with them is told in the records alone."""
    return load().plugins


def registries() -> list[tuple[str, Path]]:
    """The registry.toml files that plugins ship, as (plugin name, path)."""
    return list(host().registries)


def components(kind: str | None = None, pattern: str = "*") -> tuple[Offer, ...]:
    """What the plugins offer, by kind and by a glob over short names and full ids.

    A family is one record named `*` until the pattern asks for more: then it stands for its members that match.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"there is no component kind {kind!r}", near(kind, KINDS))
    chosen: list[Offer] = []
    for offer in host().offers:
        if kind not in (None, offer.component.kind):
            continue
        if offer.component.names and pattern not in ("*", "*/*", f"{offer.plugin.name}/*"):
            chosen += [member for name in _names_of(offer) if _matches(member := _member(offer, name), pattern)]
        elif _matches(offer, pattern):
            chosen.append(offer)
    return tuple(sorted(chosen, key=lambda offer: (KINDS.index(offer.component.kind), offer.id)))


def find(kind: str, name: str) -> Offer:
    """The component of that kind, by full id, short name or alias. Families are asked when nothing else answers.

    Raises UnknownName with near matches, or listing the full ids when a short name is ambiguous.
    """
    offers = components(kind)
    candidates = [offer for offer in offers if not offer.component.names and _answers_to(offer, name)]
    if not candidates:
        candidates = [
            _member(offer, short)
            for offer in offers
            if offer.component.names and (short := _short(offer, name)) in _names_of(offer)
        ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ids = ", ".join(offer.id for offer in candidates)
        raise UnknownName(f"{kind} {name!r} is ambiguous", f"Say which: {ids}.")
    raise UnknownName(f"there is no {kind} {name!r}", _unknown_hint(kind, name))


def config_class(offer: Offer) -> type[Any]:
    """The component's config dataclass (torch-free to import). Raises PluginError when it is none."""
    found = resolve(offer, offer.component.config)
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise _fault(offer, f"its config {offer.component.config} is not a dataclass", offer.component.config)
    return found


def configure(kind: str, spec: PartSpec) -> tuple[Offer, Any]:
    """Find the component and check its settings: the offer and a config instance."""
    offer = find(kind, spec.component)
    settings = dict(spec.config)
    if offer.component.names and settings.setdefault("name", offer.component.name) != offer.component.name:
        raise ConfigError(f"{kind} {offer.id} cannot have the name {settings['name']!r}", "Leave `name` out.")
    cls = config_class(offer)
    try:
        return offer, from_plain(cls, settings, f"{kind} {offer.id}")
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's __post_init__ or annotations
        raise _fault(offer, f"its config failed: {_one_line(error)}", offer.component.config) from error


def build(kind: str, spec: PartSpec | str, *arguments: Any, config: Mapping[str, Any] | None = None) -> Any:
    """Build a component: `target(config, *arguments)`.

    Raises UnknownName or ConfigError for a wrong name or setting, and PluginError, naming distribution and
    target, when the component's own code fails.
    """
    if isinstance(spec, str):
        spec = PartSpec(spec, config or {})
    offer, settings = configure(kind, spec)
    target = resolve(offer, offer.component.target)
    try:
        return target(settings, *arguments)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:
        raise _fault(offer, f"it failed while being built: {_one_line(error)}", offer.component.target) from error


def normalise(kind: str, spec: PartSpec) -> PartSpec:
    """The same part with its full id and every setting written out: what recipes and manifests store."""
    offer, settings = configure(kind, spec)
    return PartSpec(offer.id, to_plain(settings))


def fresh(kind: str, spec: PartSpec) -> PartSpec:
    """The same structure with fresh weights: what a config's own `fresh()` gives, where it has settings that choose
    weights (a pretrained tag)."""
    offer, settings = configure(kind, spec)
    return PartSpec(offer.id, to_plain(settings.fresh())) if hasattr(settings, "fresh") else spec


def resolve(offer: Offer, path: str) -> Any:
    """Import `package.module:name` on behalf of a component."""
    module_name, _, attribute = path.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{offer.component.kind} {offer.id} cannot be used: {_one_line(error)}",
            f"Its target {path} belongs to {_whose(offer.plugin)}. Repair: pip install {offer.plugin.distribution}"
            f"    Details: zoo plugins check {offer.plugin.name} --traceback",
        ) from error
    return value


def require(offer: Offer, value: object, contract: type) -> None:
    """Refuse what a component built when it lacks what its protocol asks for. Raises PluginError."""
    if isinstance(value, type) or not isinstance(value, contract):
        wanted = sorted(name for name in getattr(contract, "__protocol_attrs__", ()) if not hasattr(value, name))
        missing = f": it has no {', '.join(wanted)}" if wanted else ""
        raise _fault(
            offer, f"it built a {type(value).__name__}, not a {contract.__name__}{missing}", offer.component.target
        )


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
    owners = sorted(_whose(other) for other in enabled if other.name == plugin.name)
    if len(owners) == 1:
        return plugin
    error = f"{len(owners)} distributions call a plugin {plugin.name!r}: {' and '.join(owners)}"
    return replace(plugin, stage="unique", error=error)


def _import(entry_point: importlib.metadata.EntryPoint) -> ModuleType:
    with contextlib.redirect_stdout(sys.stderr):  # what it prints must not spoil what a command prints
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
        raise PluginError(f"{module.__name__} defines no hook (decorate zoo_components with zoo.hookspecs.hook)")


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
) -> tuple[list[Offer], list[tuple[str, Path]]]:
    others = [p for p in manager.get_plugins() if p is not module]
    offers: list[Offer] = []
    given = manager.subset_hook_caller("zoo_components", others)()
    if not given and hasattr(module, "zoo_components"):
        raise PluginError(f"{module.__name__}.zoo_components returned None")
    for records in given:
        for record in records:
            _check_component(record)
            offers.append(Offer(record, plugin))
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
        raise PluginError(f"zoo_components gave a {type(record).__name__}, not a zoo.specs.Component")
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


# ---------------------------------------------------------------- small helpers


def _answers_to(offer: Offer, name: str) -> bool:
    component = offer.component
    short = (component.name, *component.aliases)
    return name == offer.id or name in short or name in {f"{offer.plugin.name}/{alias}" for alias in short}


def _matches(offer: Offer, pattern: str) -> bool:
    return fnmatch.fnmatchcase(offer.component.name, pattern) or fnmatch.fnmatchcase(offer.id, pattern)


def _short(family: Offer, name: str) -> str:
    return name.removeprefix(f"{family.plugin.name}/")


def _member(family: Offer, name: str) -> Offer:
    return replace(family, component=replace(family.component, name=name))


@functools.cache
def _names_of(family: Offer) -> tuple[str, ...]:
    """A family's names; none, with a warning, where its own code fails."""
    try:
        return tuple(str(name) for name in resolve(family, family.component.names)())
    except (Exception, SystemExit) as error:  # a stranger's code
        print(
            f"warning: {family.component.kind} {family.id} of {_whose(family.plugin)} cannot list its names\n"
            f"  {_one_line(error)}",
            file=sys.stderr,
        )
        return ()


def _unknown_hint(kind: str, name: str) -> str:
    known: list[str] = []
    for offer in components(kind):
        known += _names_of(offer) if offer.component.names else [offer.component.name]
    broken = [plugin for plugin in plugins() if plugin.error]
    if not known:
        return f"No plugin offers a {kind}. Install one: pip install {' '.join(BUNDLED)}"
    hint = near(name.rpartition("/")[2], known) + f" See: zoo components {kind}"
    if broken:
        hint += f" (plugin {broken[0].name!r} was skipped: {broken[0].error})"
    return hint


def strict() -> bool:
    """Whether a broken plugin is to stop everything (`ZOO_STRICT_PLUGINS`)."""
    return os.environ.get("ZOO_STRICT_PLUGINS", "") not in ("", "0")


def repair(plugin: Plugin) -> str:
    """The next command for a plugin that failed."""
    if plugin.stage == "unique":
        return f"pip uninstall {plugin.distribution}"
    if plugin.stage == "api":
        return f"pip install --upgrade aegan-zoo {plugin.distribution}"
    return f"pip install --force-reinstall {plugin.distribution}"


def _warn(found: Iterable[Plugin]) -> None:
    broken = [plugin for plugin in found if plugin.error]
    if broken and strict():
        first = broken[0]
        raise PluginError(
            f"plugin {first.name!r} ({_whose(first)}) failed at stage {first.stage}: {first.error}",
            f"Repair: {repair(first)}    Go on without: unset ZOO_STRICT_PLUGINS",
        )
    for plugin in broken:
        print(
            f"warning: plugin {plugin.name!r} ({_whose(plugin)}) was skipped at stage {plugin.stage}\n"
            f"  {plugin.error}\n"
            f"  Repair: {repair(plugin)}    Details: zoo plugins check {plugin.name} --traceback    "
            f"Silence: ZOO_DISABLE_PLUGINS={plugin.name}",
            file=sys.stderr,
        )


def _whose(plugin: Plugin) -> str:
    return f"{plugin.distribution} {plugin.version}"


def _fault(offer: Offer, what: str, path: str) -> PluginError:
    return PluginError(
        f"{offer.component.kind} {offer.id}: {what}",
        f"The code is {path} of {_whose(offer.plugin)}. Details: zoo plugins check {offer.plugin.name} --traceback",
    )


def _one_line(error: BaseException) -> str:
    """A plugin may raise anything, even an error that cannot be printed."""
    try:
        text = " ".join((error.message if isinstance(error, ZooError) else str(error)).split())
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:
        return _one_line(error)


def _names(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}
