"""Commands of plugins (entry points of the group `zoo.commands`): listed from metadata, imported when they run."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint

import click

from zoo.errors import PluginError

__all__ = ["GROUP", "distributions_of", "load_command", "plugin_commands"]

GROUP = "zoo.commands"


def plugin_commands(reserved: Collection[str], owners: Mapping[str, str]) -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of each command, by name. Names in `reserved` are left out, and names in `owners` count only for
    the distribution that they belong to."""
    commands: dict[str, tuple[EntryPoint, ...]] = {}
    for entry_point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry_point: entry_point.name):
        name = entry_point.name
        if name in reserved or (name in owners and (entry_point.dist is None or entry_point.dist.name != owners[name])):
            continue
        if entry_point not in commands.get(name, ()):
            commands[name] = (*commands.get(name, ()), entry_point)
    return commands


def distributions_of(entry_points: tuple[EntryPoint, ...]) -> str:
    """The distributions of a command's entry points, with their versions."""
    return " and ".join(
        f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "unknown"
        for entry_point in entry_points
    )


def load_command(name: str, entry_points: tuple[EntryPoint, ...]) -> click.Command:
    """Import a plugin's command. Raises PluginError, with the distribution, if it is ambiguous or fails."""
    distributions = distributions_of(entry_points)
    if len(entry_points) > 1:
        raise PluginError(f"the command {name!r} is offered by {distributions}", "Uninstall one of the two.")
    owner = f"It is {entry_points[0].value} of {distributions}."
    try:
        command = entry_points[0].load()
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        text = " ".join(str(error).split())[:400]
        raise PluginError(f"the command {name!r} cannot be loaded: {type(error).__name__}: {text}", owner) from error
    if not isinstance(command, click.Command):
        raise PluginError(f"the command {name!r} is a {type(command).__name__}, not a click command", owner)
    return command
