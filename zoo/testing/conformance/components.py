"""Checks of every component: torch-free modules, settings that a manifest can store, and a constructor without side
effects."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import subprocess
import typing
from collections.abc import Callable, Iterator
from typing import Any

from zoo import plugins
from zoo._utils.child import python_child
from zoo._utils.seeds import seeded
from zoo.config import from_plain, settings_of, to_plain
from zoo.errors import ConfigError
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.migration import MIGRATION_CHECKS
from zoo.testing.conformance.watch import watching
from zoo.types import PartSpec

__all__ = ["COMPONENT_CHECKS", "SETTINGS_CHECKS", "Check", "imports_torch"]

Check = Callable[[Any], None]

_MUTABLE = (list, dict, set, bytearray)
_LONGEST_IMPORT = 300
"""Seconds."""


def plugin_and_config_modules_import_no_torch(case: ComponentCase) -> None:
    """Listing components and checking settings must not take the seconds that importing torch takes."""
    component = case.registered.component
    paths = [path for path in (component.config, component.names, component.migrate, component.cases) if path]
    modules = (case.registered.plugin.target, *(path.partition(":")[0] for path in paths))
    assert not imports_torch(*modules), f"importing {', '.join(sorted(set(modules)))} imports torch"


def config_survives_plain_data(case: ComponentCase) -> None:
    """A config that is stored as plain data and read again is the same, and is stored the same again."""
    config = case.settings
    plain = to_plain(config)
    restored = from_plain(type(config), plain, str(case))
    assert restored == config, f"{config} was stored as {plain} and read as {restored}"
    again = to_plain(restored)
    assert again == plain, f"{config} was stored as {plain}, and as {again} after reading it"


def the_config_is_immutable(case: ComponentCase) -> None:
    """It is a frozen dataclass without lists, dicts and sets: a component cannot change what the manifest stores."""
    problem = next(_mutable_parts(case.settings), "")
    assert not problem, f"{problem}; use @dataclass(frozen=True), and tuples"


def unknown_settings_are_refused(case: ComponentCase) -> None:
    """A misspelt setting, or one that is an attribute of the class alone, is an error, and not ignored."""
    cls = type(case.settings)
    known = {setting.name for setting in settings_of(cls)}
    for key in sorted({*(name + "x" for name in known), "no_such_setting", *typing.get_type_hints(cls)} - known):
        error = _config_error(case, key)
        assert error, f"the unknown setting {key!r} was accepted"
        assert key in error, f"the error does not name {key!r}: {error}"


def the_constructor_takes_its_config_and_sizes_alone(case: ComponentCase) -> None:
    """It has the arguments of its kind, and neither `*args` nor `**kwargs`, which would accept anything."""
    target = plugins.import_component(case.registered, case.registered.component.target)
    signature = inspect.signature(target)
    for parameter in signature.parameters.values():
        assert parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL), f"it takes {parameter}"
    try:
        signature.bind(case.settings, *case.arguments)
    except TypeError as error:
        raise AssertionError(f"{case.kind}s are built with {1 + len(case.arguments)} arguments: {error}") from None


def building_touches_nothing_outside(case: ComponentCase) -> None:
    """Building uses no network, starts no process or thread, writes no file, prints nothing, and changes neither a
    global setting nor its config."""
    target = plugins.import_component(case.registered, case.registered.component.target)
    config = case.settings
    before = copy.deepcopy(to_plain(config))
    with seeded(0, "case"), watching() as notes:
        target(config, *case.arguments)
    assert not notes, "; ".join(notes[:3])
    assert to_plain(config) == before, f"building changed the config from {before} to {to_plain(config)}"


# ---------------------------------------------------------------- helpers


def _mutable_parts(config: Any) -> Iterator[str]:
    """Why a config can be changed. The settings of a part are Zoo's own dataclass."""
    cls = type(config)
    if not cls.__dataclass_params__.frozen:
        yield f"{cls.__name__} is not frozen"
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if isinstance(value, _MUTABLE) or _is_mutable(hints[item.name]):
            yield f"{cls.__name__}.{item.name} can be a {_mutable_name(value, hints[item.name])}"
        for inner in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(inner) and not isinstance(inner, PartSpec):
                yield from _mutable_parts(inner)


def _is_mutable(hint: Any) -> bool:
    return (typing.get_origin(hint) or hint) in _MUTABLE or any(_is_mutable(option) for option in _options(hint))


def _options(hint: Any) -> tuple[Any, ...]:
    return () if typing.get_origin(hint) is typing.Literal else typing.get_args(hint)


def _mutable_name(value: Any, hint: Any) -> str:
    return type(value).__name__ if isinstance(value, _MUTABLE) else str(hint)


def _config_error(case: ComponentCase, key: str) -> str:
    try:
        from_plain(type(case.settings), {**to_plain(case.settings), key: 1}, str(case))
    except ConfigError as error:
        return error.message
    return ""


@functools.cache
def imports_torch(*modules: str) -> bool:
    """Whether importing these modules, in a new process, imports torch. Raises AssertionError if they cannot be."""
    code = f"import sys, {', '.join(sorted(set(modules)))}; sys.exit(3 if 'torch' in sys.modules else 0)"
    child = python_child("-c", code)
    done = subprocess.run(child.command, env=child.environment, capture_output=True, text=True, timeout=_LONGEST_IMPORT)
    assert done.returncode in (0, 3), f"importing {', '.join(modules)} fails: {done.stderr.strip()[-300:]}"
    return done.returncode == 3


SETTINGS_CHECKS: tuple[Check, ...] = (
    plugin_and_config_modules_import_no_torch,
    config_survives_plain_data,
    the_config_is_immutable,
    unknown_settings_are_refused,
    *MIGRATION_CHECKS,
)
COMPONENT_CHECKS: tuple[Check, ...] = (
    *SETTINGS_CHECKS,
    the_constructor_takes_its_config_and_sizes_alone,
    building_touches_nothing_outside,
)
