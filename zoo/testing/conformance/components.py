"""Checks of every component: torch-free configs, and settings that can be stored in a manifest."""

from __future__ import annotations

import functools
import subprocess
import sys

from zoo import plugins
from zoo.config import from_plain, settings_of, to_plain
from zoo.errors import ConfigError
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.migration import MIGRATION_CHECKS

__all__ = ["COMPONENT_CHECKS", "imports_torch"]


def plugin_and_config_modules_import_no_torch(case: ComponentCase) -> None:
    """Listing components and checking settings must not take the seconds that importing torch takes."""
    component = case.registered.component
    paths = [path for path in (component.config, component.names, component.migrate) if path]
    assert not imports_torch(case.registered.plugin.target, *(path.partition(":")[0] for path in paths))


def config_survives_plain_data(case: ComponentCase) -> None:
    """A config that is stored as plain data and read again is the same, and is stored the same again."""
    config = case.settings
    plain = to_plain(config)
    restored = from_plain(type(config), plain, str(case))
    assert restored == config, f"{config} was stored as {plain} and read as {restored}"
    assert to_plain(restored) == plain


def unknown_settings_are_refused(case: ComponentCase) -> None:
    """A misspelt setting is an error, and not ignored."""
    known = [setting.name for setting in settings_of(type(case.settings))]
    for key in (*(name + "x" for name in known), "no_such_setting"):
        error = _config_error(case, key)
        assert error, f"the unknown setting {key!r} was accepted"
        assert key in error, f"the error does not name {key!r}: {error}"


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), f"importing {', '.join(modules)} fails: {done.stderr.strip()[-300:]}"
    return done.returncode == 3


def same_component_by_id_and_by_case(case: ComponentCase) -> None:
    """The full id finds the component that the case names."""
    registered = case.registered
    assert plugins.find_component(case.kind, registered.id).id == registered.id


COMPONENT_CHECKS = (
    plugin_and_config_modules_import_no_torch,
    config_survives_plain_data,
    unknown_settings_are_refused,
    same_component_by_id_and_by_case,
    *MIGRATION_CHECKS,
)
