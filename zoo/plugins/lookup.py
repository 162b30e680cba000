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
from zoo.plugins.records import BUNDLED, Offer
from zoo.types import KINDS, PartSpec

__all__ = [
    "build",
    "components",
    "config_class",
    "configure",
    "find",
    "fresh",
    "normalise",
    "require",
    "resolve",
]


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
        raise fault(offer, f"its config {offer.component.config} is not a dataclass", offer.component.config)
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
        raise fault(offer, f"its config failed: {one_line(error)}", offer.component.config) from error


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
        raise fault(offer, f"it failed while being built: {one_line(error)}", offer.component.target) from error


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
            f"{offer.component.kind} {offer.id} cannot be used: {one_line(error)}",
            f"Its target {path} belongs to {whose(offer.plugin)}. Repair: {repair(offer.plugin)}"
            f"    Details: zoo plugins check {offer.plugin.name} --traceback",
        ) from error
    return value


def require(offer: Offer, value: object, contract: type) -> None:
    """Refuse what a component built when it lacks what its protocol asks for. Raises PluginError."""
    if isinstance(value, type) or not isinstance(value, contract):
        wanted = sorted(name for name in getattr(contract, "__protocol_attrs__", ()) if not hasattr(value, name))
        missing = f": it has no {', '.join(wanted)}" if wanted else ""
        raise fault(
            offer, f"it built a {type(value).__name__}, not a {contract.__name__}{missing}", offer.component.target
        )


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
            f"warning: {family.component.kind} {family.id} of {whose(family.plugin)} cannot list its names\n"
            f"  {one_line(error)}",
            file=sys.stderr,
        )
        return ()


def _unknown_hint(kind: str, name: str) -> str:
    offers = components(kind)
    single = [offer.component.name for offer in offers if not offer.component.names]
    known = single + [member for offer in offers if offer.component.names for member in _names_of(offer)]
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
