"""Find components by name, check their settings, and build them."""

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
from zoo.plugins.failures import component_error, one_line, repair
from zoo.plugins.install import install_command
from zoo.plugins.loading import host, plugins
from zoo.plugins.types import BUNDLED, DeclaresCode, NamesBottleneck, RegisteredComponent
from zoo.types import KINDS, DataSpec, PartLike, PartSpec, as_code_shape

__all__ = [
    "build",
    "components",
    "config_class",
    "configure",
    "declared_bottleneck",
    "declared_code_shape",
    "discriminator_kind",
    "find_component",
    "fresh",
    "import_component",
    "missing_members",
    "normalise",
    "normalise_discriminator",
    "require",
]


def components(kind: str | None = None, pattern: str = "*") -> tuple[RegisteredComponent, ...]:
    """The components that plugins offer, by kind and by a glob over short names and full ids.

    A family is one component named `*`. If the pattern is narrower than a whole plugin, the family's matching members
    are listed instead. Raises UnknownName for an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"there is no component kind {kind!r}", near(kind, KINDS))
    matching: list[RegisteredComponent] = []
    for registered in host().components:
        if kind not in (None, registered.component.kind):
            continue
        candidates = [registered]
        if registered.component.names and pattern not in ("*", "*/*", f"{registered.plugin.name}/*"):
            candidates = [_member(registered, name) for name in _names_of(registered)]
        matching += [candidate for candidate in candidates if _matches(candidate, pattern)]
    return tuple(sorted(matching, key=lambda registered: (KINDS.index(registered.component.kind), registered.id)))


def find_component(kind: str, name: str) -> RegisteredComponent:
    """The component of that kind, by full id, short name or alias. Families are searched if nothing else matches.

    Raises UnknownName with near matches; if a short name is ambiguous, with the full ids.
    """
    offered = components(kind)
    candidates = [
        registered for registered in offered if not registered.component.names and _has_name(registered, name)
    ]
    if not candidates:
        candidates = [
            _member(registered, short)
            for registered in offered
            if registered.component.names
            and (short := name.removeprefix(f"{registered.plugin.name}/")) in _names_of(registered)
        ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ids = ", ".join(registered.id for registered in candidates)
        raise UnknownName(f"{kind} {name!r} is ambiguous", f"Say which: {ids}.")
    raise UnknownName(f"there is no {kind} {name!r}", _unknown_hint(kind, name, offered))


def discriminator_kind(name: str) -> str:
    """The kind of the component that `name` means as a discriminator: `discriminator`, or else `encoder`.

    Raises UnknownName."""
    try:
        find_component("discriminator", name)
    except UnknownName as unknown:
        try:
            find_component("encoder", name)
        except UnknownName as error:
            raise error if "ambiguous" not in unknown.message else unknown from None
        return "encoder"
    return "discriminator"


def config_class(registered: RegisteredComponent) -> type[Any]:
    """The component's config dataclass; importing it imports no torch. Raises PluginError if it is no dataclass."""
    cls = import_component(registered, registered.component.config)
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        raise component_error(
            registered, f"its config {registered.component.config} is not a dataclass", registered.component.config
        )
    return cls


def configure(kind: str, spec: PartSpec) -> tuple[RegisteredComponent, Any]:
    """The component that `spec` names, and its config instance. Raises UnknownName, ConfigError or PluginError."""
    registered = find_component(kind, spec.component)
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
    except (Exception, SystemExit) as error:  # the plugin's own __post_init__ or annotations
        raise component_error(
            registered, f"its config failed: {one_line(error)}", registered.component.config
        ) from error


def build(kind: str, spec: PartSpec | str, *arguments: Any, config: Mapping[str, Any] | None = None) -> Any:
    """Build a component: `target(config, *arguments)`.

    Raises UnknownName or ConfigError for a wrong name or setting, and PluginError, with distribution and target, if the
    component's own code fails.
    """
    if isinstance(spec, str):
        spec = PartSpec(spec, config or {})
    registered, settings = configure(kind, spec)
    target = import_component(registered, registered.component.target)
    try:
        return target(settings, *arguments)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:
        raise component_error(
            registered, f"it failed while being built: {one_line(error)}", registered.component.target
        ) from error


def normalise(kind: str, spec: PartSpec) -> PartSpec:
    """The same part with its full id and every setting, as recipes and manifests store it."""
    registered, settings = configure(kind, spec)
    return PartSpec(registered.id, to_plain(settings))


def normalise_discriminator(spec: PartSpec) -> PartSpec:
    """The same for a discriminator, which may be an encoder."""
    return normalise(discriminator_kind(spec.component), spec)


def fresh(kind: str, spec: PartSpec) -> PartSpec:
    """The same structure with fresh weights: a config with settings that choose weights (a pretrained tag) has a method
    `fresh()`, which resets them."""
    registered, settings = configure(kind, spec)
    return PartSpec(registered.id, to_plain(settings.fresh())) if hasattr(settings, "fresh") else spec


def declared_bottleneck(spec: PartSpec) -> PartLike | None:
    """The bottleneck that an encoder's settings name, see `NamesBottleneck`; None if they name none. Raises
    UnknownName, ConfigError or PluginError."""
    registered, settings = configure("encoder", spec)
    if not isinstance(settings, NamesBottleneck) or not callable(settings.bottleneck):  # a setting may have this name
        return None
    named: Any = settings.bottleneck()
    if not isinstance(named, str | PartSpec):
        raise component_error(
            registered, f"its `bottleneck` gave a {type(named).__name__}, not a part", registered.component.config
        )
    return named


def declared_code_shape(spec: PartSpec, data: DataSpec) -> tuple[int, ...] | None:
    """The shape of the codes that a generator's settings declare for this data, see `DeclaresCode`; None if it reads
    codes of any shape. Raises UnknownName, ConfigError or PluginError."""
    registered, settings = configure("generator", spec)
    if not isinstance(settings, DeclaresCode) or not callable(settings.code_shape):  # a setting may have this name
        return None
    try:
        declared: Any = settings.code_shape(data)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # the plugin's own code
        problem = f"its `code_shape` failed: {one_line(error)}"
        raise component_error(registered, problem, registered.component.config) from error
    if not isinstance(declared, tuple):
        problem = f"its `code_shape` is {declared!r}, not a tuple"
        raise component_error(registered, problem, registered.component.config)
    return as_code_shape(declared)


def import_component(registered: RegisteredComponent, path: str) -> Any:
    """Import `package.module:name` on behalf of a component."""
    module_name, _, attribute = path.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for name in attribute.split("."):
            value = getattr(value, name)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{registered.component.kind} {registered.id} cannot be used: {one_line(error)}",
            f"Its target {path} belongs to {registered.plugin.release}. Repair: {repair(registered.plugin)}"
            f"    Details: zoo plugins check {registered.plugin.name} --traceback",
        ) from error
    return value


def require(registered: RegisteredComponent, value: object, contract: type) -> None:
    """Raise PluginError if `value` lacks a public member of `contract`; it need not inherit from it."""
    missing = missing_members(value, contract)
    if isinstance(value, type) or missing:
        lacks = f": it has no {', '.join(missing)}" if missing else ""
        raise component_error(
            registered,
            f"it built a {type(value).__name__}, not a {contract.__name__}{lacks}",
            registered.component.target,
        )


def missing_members(value: object, contract: type) -> list[str]:
    """The public attributes and methods that a contract declares and `value` lacks."""
    declared = {**contract.__dict__, **contract.__annotations__}
    return sorted(name for name in declared if not name.startswith("_") and not hasattr(value, name))


def _has_name(registered: RegisteredComponent, name: str) -> bool:
    component = registered.component
    short = (component.name, *component.aliases)
    return name == registered.id or name in short or name in {f"{registered.plugin.name}/{alias}" for alias in short}


def _matches(registered: RegisteredComponent, pattern: str) -> bool:
    return fnmatch.fnmatchcase(registered.component.name, pattern) or fnmatch.fnmatchcase(registered.id, pattern)


def _member(family: RegisteredComponent, name: str) -> RegisteredComponent:
    return replace(family, component=replace(family.component, name=name))


@functools.cache
def _names_of(family: RegisteredComponent) -> tuple[str, ...]:
    """A family's names; if its own code fails, none, with a warning."""
    try:
        return tuple(str(name) for name in import_component(family, family.component.names)())
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        print(
            f"warning: {family.component.kind} {family.id} of {family.plugin.release} cannot list its names\n"
            f"  {one_line(error)}",
            file=sys.stderr,
        )
        return ()


def _unknown_hint(kind: str, name: str, offered: tuple[RegisteredComponent, ...]) -> str:
    single = [registered.component.name for registered in offered if not registered.component.names]
    known = single + [
        member for registered in offered if registered.component.names for member in _names_of(registered)
    ]
    failed = [plugin for plugin in plugins() if plugin.error]
    if not known:
        return f"No plugin offers a {kind}. In a checkout of Zoo's repository: {install_command(*BUNDLED)}"
    hint = near(name.rpartition("/")[2], known)
    if single and not hint.startswith("Did you mean"):
        hint = near("", single)  # a family's hundreds of names would hide the others
    hint += f" See: zoo components {kind}"
    if failed:
        hint += f" (plugin {failed[0].name!r} was skipped: {failed[0].error})"
    return hint
