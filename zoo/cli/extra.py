"""Commands that plugins add (entry points of the group `zoo.commands`): listed from metadata, imported when run."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint

import click

from zoo.errors import PluginError

__all__ = ["GROUP", "load_command", "plugin_commands", "whose"]

GROUP = "zoo.commands"


def plugin_commands(taken: Collection[str], owners: Mapping[str, str]) -> dict[str, tuple[EntryPoint, ...]]:
    """By name, whoever offers it. A name of `taken` is the program's own, and a name of `owners` belongs to one
    distribution: what others offer under it is left out."""
    offered: dict[str, tuple[EntryPoint, ...]] = {}
    for entry_point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        name = entry_point.name
        if name in taken or (name in owners and (entry_point.dist is None or entry_point.dist.name != owners[name])):
            continue
        if entry_point not in offered.get(name, ()):
            offered[name] = (*offered.get(name, ()), entry_point)
    return offered


def whose(points: tuple[EntryPoint, ...]) -> str:
    """The distributions that offer a command, with their versions."""
    return " and ".join(f"{point.dist.name} {point.dist.version}" if point.dist else "unknown" for point in points)


def load_command(name: str, points: tuple[EntryPoint, ...]) -> click.Command:
    """Import a plugin's command. Raises PluginError when it cannot be had, naming whose it is."""
    if len(points) > 1:
        raise PluginError(f"the command {name!r} is offered by {whose(points)}", "Uninstall one of the two.")
    owner = f"It is {points[0].value} of {whose(points)}."
    try:
        command = points[0].load()
    except (Exception, SystemExit) as error:  # a stranger's code
        text = " ".join(str(error).split())[:400]
        raise PluginError(f"the command {name!r} cannot be loaded: {type(error).__name__}: {text}", owner) from error
    if not isinstance(command, click.Command):
        raise PluginError(f"the command {name!r} is a {type(command).__name__}, not a click command", owner)
    return command
