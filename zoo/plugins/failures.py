"""How a plugin's failure is told: whose it is, what went wrong in one line, and the next command."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable

from zoo._utils.text import sanitize
from zoo.errors import PluginError, ZooError
from zoo.plugins.records import Plugin, RegisteredComponent

__all__ = ["fault", "one_line", "repair", "strict", "warn", "whole", "whose"]

_LONGEST = 400


def strict() -> bool:
    """Whether a broken plugin is to stop everything (`ZOO_STRICT_PLUGINS`)."""
    return os.environ.get("ZOO_STRICT_PLUGINS", "") not in ("", "0")


def repair(plugin: Plugin) -> str:
    """What to do next for a plugin that failed: one that is installed from its own source (`pip install -e`) is in the
    hands of who asks."""
    if plugin.stage == "unique":
        return f"pip uninstall {plugin.distribution}"
    if plugin.stage == "api":
        return f"pip install --upgrade aegan-zoo {plugin.distribution}"
    if plugin.editable:
        return f"correct its source, {plugin.target}"
    return f"pip install --force-reinstall {plugin.distribution}"


def warn(found: Iterable[Plugin]) -> None:
    """Tell each broken plugin once on stderr, with the repair. Raises PluginError for the first if `strict()`."""
    broken = [plugin for plugin in found if plugin.error]
    if broken and strict():
        first = broken[0]
        raise PluginError(
            f"plugin {first.name!r} ({whose(first)}) failed at stage {first.stage}: {first.error}",
            f"Repair: {repair(first)}    Go on without: unset ZOO_STRICT_PLUGINS",
        )
    for plugin in broken:
        print(
            f"warning: plugin {plugin.name!r} ({whose(plugin)}) was skipped at stage {plugin.stage}\n"
            f"  {plugin.error}\n"
            f"  Repair: {repair(plugin)}    Details: zoo plugins check {plugin.name} --traceback    "
            f"Silence: ZOO_DISABLE_PLUGINS={plugin.name}",
            file=sys.stderr,
        )


def whose(plugin: Plugin) -> str:
    """Its distribution and version."""
    return f"{plugin.distribution} {plugin.version}"


def fault(registered: RegisteredComponent, what: str, path: str) -> PluginError:
    """The error for a component whose own code, at `path`, did `what`."""
    return PluginError(
        f"{registered.component.kind} {registered.id}: {what}",
        f"The code is {path} of {whose(registered.plugin)}. "
        f"Details: zoo plugins check {registered.plugin.name} --traceback",
    )


def one_line(error: BaseException) -> str:
    """A plugin may raise anything, even an error that cannot be printed."""
    try:
        text = " ".join(sanitize(error.message if isinstance(error, ZooError) else str(error)).split())
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__


def whole(error: BaseException) -> str:
    """Its traceback, or its name where even that cannot be printed."""
    try:
        return sanitize("".join(traceback.format_exception(error)))
    except Exception:
        return one_line(error)
