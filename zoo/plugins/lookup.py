"""Looking up what plugins offer, and building it on behalf of whoever asked by name."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import importlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo.config import from_plain, to_plain
from zoo.errors import ConfigError, PluginError, UnknownName, ZooError, near
from zoo.plugins.failures import fault, one_line, repair, whose
from zoo.plugins.loading import host, plugins
from zoo.plugins.records import BUNDLED, RegisteredComponent
from zoo.types import KINDS, PartSpec

__all__ = [
    "build",
    "components",
    "config_class",
    "configure",
    "find",
    "fresh",
    "missing_members",
    "normalise",
    "require",
    "resolve",
]


def components(kind: str | None = None, pattern: str = "*") -> tuple[RegisteredComponent, ...]:
    """What the plugins offer, by kind and by a glob over short names and full ids.

    A family is one record named `*` until the pattern asks for more: then it stands for its members that match.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"there is no component kind {kind!r}", near(kind, KINDS))
    chosen: list[RegisteredComponent] = []
    for registered in host().offers:
        if kind not in (None, registered.component.kind):
            continue
        if registered.component.names and pattern not in ("*", "*/*", f"{registered.plugin.name}/*"):
            chosen += [
                member for name in _names_of(registered) if _matches(member := _member(registered, name), pattern)
            ]
        elif _matches(registered, pattern):
            chosen.append(registered)
    return tuple(sorted(chosen, key=lambda registered: (KINDS.index(registered.component.kind), registered.id)))


def find(kind: str, name: str) -> RegisteredComponent:
    """The component of that kind, by full id, short name or alias. Families are asked when nothing else answers.

    Raises UnknownName with near matches, or listing the full ids when a short name is ambiguous.
    """
    offers = components(kind)
    candidates = [
        registered for registered in offers if not registered.component.names and _answers_to(registered, name)
    ]
    if not candidates:
        candidates = [
            _member(registered, short)
            for registered in offers
            if registered.component.names and (short := _short(registered, name)) in _names_of(registered)
        ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ids = ", ".join(registered.id for registered in candidates)
        raise UnknownName(f"{kind} {name!r} is ambiguous", f"Say which: {ids}.")
    raise UnknownName(f"there is no {kind} {name!r}", _unknown_hint(kind, name))


def config_class(registered: RegisteredComponent) -> type[Any]:
    """The component's config dataclass (torch-free to import). Raises PluginError when it is none."""
    found = resolve(registered, registered.component.config)
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise fault(
            registered, f"its config {registered.component.config} is not a dataclass", registered.component.config
        )
    return found


def configure(kind: str, spec: PartSpec) -> tuple[RegisteredComponent, Any]:
    """Find the component and check its settings: the offer and a config instance."""
    registered = find(kind, spec.component)
    settings = dict(spec.config)
    if (
        registered.component.names
        and settings.setdefault("name", registered.component.name) != registered.component.name
    ):
        raise ConfigError(f"{kind} {registered.id} cannot have the name {settings['name']!r}", "Leave `name` out.")
    cls = config_class(registered)
    try:
        return registered, from_plain(cls, settings, f"{kind} {registered.id}")
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's __post_init__ or annotations
        raise fault(registered, f"its config failed: {one_line(error)}", registered.component.config) from error


def build(kind: str, spec: PartSpec | str, *arguments: Any, config: Mapping[str, Any] | None = None) -> Any:
    """Build a component: `target(config, *arguments)`.

    Raises UnknownName or ConfigError for a wrong name or setting, and PluginError, naming distribution and
    target, when the component's own code fails.
    """
    if isinstance(spec, str):
        spec = PartSpec(spec, config or {})
    registered, settings = configure(kind, spec)
    target = resolve(registered, registered.component.target)
    try:
        return target(settings, *arguments)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:
        raise fault(
            registered, f"it failed while being built: {one_line(error)}", registered.component.target
        ) from error


def normalise(kind: str, spec: PartSpec) -> PartSpec:
    """The same part with its full id and every setting written out: what recipes and manifests store."""
    registered, settings = configure(kind, spec)
    return PartSpec(registered.id, to_plain(settings))


def fresh(kind: str, spec: PartSpec) -> PartSpec:
    """The same structure with fresh weights: what a config's own `fresh()` gives, where it has settings that choose
    weights (a pretrained tag)."""
    registered, settings = configure(kind, spec)
    return PartSpec(registered.id, to_plain(settings.fresh())) if hasattr(settings, "fresh") else spec


def resolve(registered: RegisteredComponent, path: str) -> Any:
    """Import `package.module:name` on behalf of a component."""
    module_name, _, attribute = path.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{registered.component.kind} {registered.id} cannot be used: {one_line(error)}",
            f"Its target {path} belongs to {whose(registered.plugin)}. Repair: {repair(registered.plugin)}"
            f"    Details: zoo plugins check {registered.plugin.name} --traceback",
        ) from error
    return value


def require(registered: RegisteredComponent, value: object, contract: type) -> None:
    """Refuse a component that lacks a member of its contract, which it need not inherit. Raises PluginError."""
    missing = missing_members(value, contract)
    if isinstance(value, type) or missing:
        what = f": it has no {', '.join(missing)}" if missing else ""
        raise fault(
            registered,
            f"it built a {type(value).__name__}, not a {contract.__name__}{what}",
            registered.component.target,
        )


def missing_members(value: object, contract: type) -> list[str]:
    """The public attributes and methods that a contract declares and `value` lacks."""
    declared = {**contract.__dict__, **contract.__annotations__}
    return sorted(name for name in declared if not name.startswith("_") and not hasattr(value, name))


# ---------------------------------------------------------------- small helpers


def _answers_to(registered: RegisteredComponent, name: str) -> bool:
    component = registered.component
    short = (component.name, *component.aliases)
    return name == registered.id or name in short or name in {f"{registered.plugin.name}/{alias}" for alias in short}


def _matches(registered: RegisteredComponent, pattern: str) -> bool:
    return fnmatch.fnmatchcase(registered.component.name, pattern) or fnmatch.fnmatchcase(registered.id, pattern)


def _short(family: RegisteredComponent, name: str) -> str:
    return name.removeprefix(f"{family.plugin.name}/")


def _member(family: RegisteredComponent, name: str) -> RegisteredComponent:
    return replace(family, component=replace(family.component, name=name))


@functools.cache
def _names_of(family: RegisteredComponent) -> tuple[str, ...]:
    """A family's names; none, with a warning, where its own code fails."""
    try:
        return tuple(str(name) for name in resolve(family, family.component.names)())
    except (Exception, SystemExit) as error:  # a stranger's code
        print(
            f"warning: {family.component.kind} {family.id} of {whose(family.plugin)} cannot list its names\n"
            f"  {one_line(error)}",
            file=sys.stderr,
        )
        return ()


def _unknown_hint(kind: str, name: str) -> str:
    offers = components(kind)
    single = [registered.component.name for registered in offers if not registered.component.names]
    known = single + [member for registered in offers if registered.component.names for member in _names_of(registered)]
    broken = [plugin for plugin in plugins() if plugin.error]
    if not known:
        return f"No plugin offers a {kind}. Install one: pip install {' '.join(BUNDLED)}"
    hint = near(name.rpartition("/")[2], known)
    if single and not hint.startswith("Did you mean"):
        hint = near("", single)  # the hundreds of a family say nothing
    hint += f" See: zoo components {kind}"
    if broken:
        hint += f" (plugin {broken[0].name!r} was skipped: {broken[0].error})"
    return hint
