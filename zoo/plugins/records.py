"""What is known of a plugin and of what it offers, as frozen records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.types import Component

__all__ = ["BUNDLED", "Host", "Plugin", "RegisteredComponent"]

BUNDLED = ("zoo-dcgan", "zoo-mlp", "zoo-r3gan", "zoo-starter", "zoo-timm", "zoo-trackers", "zoo-transfer")
"""The distributions that are named to someone who has none of what is asked for."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One discovered plugin and how far it came: `ready`, `disabled`, or the stage at which it failed.

    `error` is the cause in one line, empty when there is none; `traceback` the whole of it.
    """

    name: str
    target: str
    distribution: str
    version: str
    stage: str = "discovered"
    error: str = ""
    editable: bool = False
    traceback: str = field(default="", repr=False, compare=False)

    @property
    def ready(self) -> bool:
        """Whether its components can be used."""
        return self.stage == "ready"


@dataclass(frozen=True, slots=True)
class RegisteredComponent:
    """A component and the plugin that offers it."""

    component: Component
    plugin: Plugin

    @property
    def id(self) -> str:
        """The full id, `<plugin>/<name>`."""
        return f"{self.plugin.name}/{self.component.name}"


@dataclass(frozen=True, slots=True)
class Host:
    """All plugins of this process, with what the ready ones offer."""

    plugins: tuple[Plugin, ...]
    offers: tuple[RegisteredComponent, ...]
    registries: tuple[tuple[str, Path], ...]
    events: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """The `zoo_run_event` hooks, by plugin."""
