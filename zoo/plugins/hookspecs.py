"""The hooks that a plugin module may define; bundled plugins use each of them.

A plugin module sets `ZOO_API = 2` and decorates its functions with `zoo.plugin.hook`:

    from zoo.plugin import Component, hook

    ZOO_API = 2

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

API = 2
"""The version of the plugin API: raised if plugins have to change (CHANGELOG.md says how)."""
GROUP = "zoo.plugins"
"""The entry point group of plugins."""

hook = pluggy.HookimplMarker("zoo")
_spec = pluggy.HookspecMarker("zoo")


@_spec
def zoo_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """The components that this plugin offers. Must not import torch."""


@_spec
def zoo_registries() -> Iterable[Path]:  # type: ignore[empty-body]
    """Paths of the registry.toml files that this plugin ships."""


@_spec
def zoo_run_event(run: RunFacts, event: Event) -> None:
    """Called with each event of a run that names this plugin (`--track NAME`). If it raises, the error is reported once
    and the plugin is not called again in that run."""
