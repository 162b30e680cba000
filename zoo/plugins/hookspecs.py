"""The hooks that a plugin module may define. Each exists because a bundled plugin needs it.

A plugin module sets `ZOO_API = 1` and decorates its functions with `zoo.plugins.hookspecs.hook`:

    from zoo.plugins.hookspecs import hook
    from zoo.types import Component

    ZOO_API = 1

    @hook
    def zoo_components():
        return [Component("encoder", "tiny", "zoo_tiny.net:Tiny", "zoo_tiny.config:TinyConfig")]
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from zoo.types import Component

if TYPE_CHECKING:
    from zoo.types import Event, RunFacts

__all__ = ["API", "GROUP", "hook", "zoo_components", "zoo_registries", "zoo_run_event"]

API = 1
GROUP = "zoo.plugins"

hook = pluggy.HookimplMarker("zoo")
_spec = pluggy.HookspecMarker("zoo")


@_spec
def zoo_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """The components that this plugin offers, as frozen records. Must not import torch."""


@_spec
def zoo_registries() -> Iterable[Path]:  # type: ignore[empty-body]
    """Paths of the registry.toml files that this plugin ships."""


@_spec
def zoo_run_event(run: RunFacts, event: Event) -> None:
    """One event of a run that asked for this plugin by name (`--track NAME`). What it raises is told once, and the
    plugin hears no more of that run."""
