"""Error messages for plugins that failed: the distribution, the cause in one line, and the next command."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable

from zoo._utils.text import sanitize
from zoo.errors import PluginError, ZooError
from zoo.plugins.hookspecs import API
from zoo.plugins.types import Plugin, RegisteredComponent

__all__ = ["component_error", "format_traceback", "one_line", "repair", "report_failures", "strict"]

_LONGEST = 400


def strict() -> bool:
    """Whether any plugin that failed is fatal (`ZOO_STRICT_PLUGINS`)."""
    return os.environ.get("ZOO_STRICT_PLUGINS", "") not in ("", "0")


def repair(plugin: Plugin) -> str:
    """What to do next about a plugin that failed. The user of an editable install (`pip install -e`) has its source."""
    if plugin.step == "unique":
        return f"pip uninstall {plugin.distribution}"
    if plugin.editable:
        ported = f" (CHANGELOG.md of zoo lists what plugin API {API} changes)" if plugin.step == "api" else ""
        return f"correct its source, {plugin.target}{ported}"
    if plugin.step == "api":
        return f"pip install --upgrade aegan-zoo {plugin.distribution}"
    return f"pip install --force-reinstall {plugin.distribution}"


def report_failures(plugins: Iterable[Plugin]) -> None:
    """Print each plugin that failed on stderr, with the repair. Raises PluginError for the first one if `strict()`."""
    for plugin in plugins:
        if not plugin.error:
            continue
        if strict():
            raise PluginError(
                f"plugin {plugin.name!r} ({plugin.release}) failed at the step {plugin.step}: {plugin.error}",
                f"Repair: {repair(plugin)}    Go on without: unset ZOO_STRICT_PLUGINS",
            )
        print(
            f"warning: plugin {plugin.name!r} ({plugin.release}) was skipped at the step {plugin.step}\n"
            f"  {plugin.error}\n"
            f"  Repair: {repair(plugin)}    Details: zoo plugins check {plugin.name} --traceback    "
            f"Silence: ZOO_DISABLE_PLUGINS={plugin.name}",
            file=sys.stderr,
        )


def component_error(registered: RegisteredComponent, problem: str, path: str) -> PluginError:
    """The error for a `problem` in a component's own code, which is at the import path `path`."""
    return PluginError(
        f"{registered.component.kind} {registered.id}: {problem}",
        f"The code is {path} of {registered.plugin.release}. "
        f"Details: zoo plugins check {registered.plugin.name} --traceback",
    )


def one_line(error: BaseException) -> str:
    """The error's type and message on one line; a plugin may raise anything, even an error that cannot be printed."""
    try:
        text = " ".join(sanitize(error.message if isinstance(error, ZooError) else str(error)).split())
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__


def format_traceback(error: BaseException) -> str:
    """The error's traceback, or its type if even that cannot be printed."""
    try:
        return sanitize("".join(traceback.format_exception(error)))
    except Exception:
        return one_line(error)
