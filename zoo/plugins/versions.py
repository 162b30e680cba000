"""What a release or a run was made with: versions of plugins, and settings of older versions as those of today.

Manifests and recipes record a plugin as `name==version`, its distribution. These texts come from outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from packaging.version import InvalidVersion, Version

from zoo._utils.strict_json import dump_json
from zoo.plugins.failures import component_error, one_line, repair
from zoo.plugins.install import canonical, install_command, is_from_repository
from zoo.plugins.loading import plugins
from zoo.plugins.lookup import find_component, import_component, normalise
from zoo.plugins.types import Plugin, RegisteredComponent
from zoo.types import PartSpec

__all__ = ["current", "differs", "install_hint", "made_with", "not_vouched"]

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def made_with(recorded: str) -> str:
    """Both versions, for messages: `made with zoo-siren 0.1.0, you have 0.2.0`."""
    name, _, version = recorded.partition("==")
    plugin = _installed(recorded)
    if plugin is None:
        return f"made with {name} {version}, which is not installed"
    have = "the version that you have" if plugin.recorded == recorded else f"you have {plugin.version}"
    return f"made with {name} {version}, {have}"


def differs(recorded: str) -> bool:
    """Whether another version of that distribution is installed, or none."""
    plugin = _installed(recorded)
    return plugin is None or plugin.version != recorded.partition("==")[2]


def install_hint(recorded: str) -> str:
    """What to do if a component of the distribution `name==version` is missing or refuses its settings; empty if there
    is nothing to say."""
    name, _, version = recorded.partition("==")
    plugin = _installed(recorded)
    if plugin is not None and plugin.error:
        return f"Plugin {plugin.name!r} was skipped: {plugin.error}. Repair: {repair(plugin)}"
    if plugin is not None and plugin.step == "disabled":
        return f"Plugin {plugin.name!r} ({plugin.release}) is disabled by ZOO_PLUGINS or ZOO_DISABLE_PLUGINS."
    if not differs(recorded):
        return ""
    if not _DISTRIBUTION.fullmatch(name) or _version(version) is None:
        return "Ask its publisher which plugin it needs."
    if is_from_repository(name):
        return f"In a checkout of Zoo's repository with {name} {version}: {install_command(recorded)}"
    if plugin is not None:  # its user trusts that distribution already
        return install_command(recorded)
    return not_vouched(f"{name} {version}")


def not_vouched(distribution: str) -> str:
    """What to say of a distribution that a release names: nobody here knows whose it is, so no command installs it."""
    return f"It needs {distribution}, which Zoo does not vouch for: see who made it before you install it."


def current(kind: str, spec: PartSpec, recorded: str) -> PartSpec:
    """The part under its id of today with every setting of today, migrated if an older version of its plugin made it.

    Raises UnknownName, ConfigError or PluginError.
    """
    registered = find_component(kind, spec.component)
    if registered.component.migrate and _is_older(recorded, registered.plugin):
        spec = PartSpec(spec.component, _migrate(registered, spec.config, recorded.partition("==")[2]))
    return normalise(kind, spec)


def _migrate(registered: RegisteredComponent, config: Mapping[str, Any], version: str) -> Mapping[str, Any]:
    """The settings of an older `version` as the plugin translates them. It gets a copy, and must give plain data."""
    path = registered.component.migrate
    migrate = import_component(registered, path)
    try:
        result = migrate(version, json.loads(dump_json(dict(config))))
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        problem = f"it cannot migrate the settings of version {version}: {one_line(error)}"
        raise component_error(registered, problem, path) from error
    try:
        if not isinstance(result, Mapping):
            raise TypeError(f"got {type(result).__name__}")
        plain: dict[str, Any] = json.loads(dump_json(dict(result)))
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"its migration from version {version} did not give a table of plain data: {one_line(error)}"
        raise component_error(registered, problem, path) from error
    return plain


def _is_older(recorded: str, plugin: Plugin) -> bool:
    """Whether an older version of the plugin's distribution is recorded; a version that cannot be compared is not."""
    name, _, version = recorded.partition("==")
    then, now = _version(version), _version(plugin.version)
    return canonical(name) == canonical(plugin.distribution) and then is not None and now is not None and then < now


def _installed(recorded: str) -> Plugin | None:
    """The plugin of a recorded distribution; one that is ready before one that is not."""
    name = recorded.partition("==")[0]
    mine = [plugin for plugin in plugins() if canonical(plugin.distribution) == canonical(name)]
    return min(mine, key=lambda plugin: not plugin.ready, default=None)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
