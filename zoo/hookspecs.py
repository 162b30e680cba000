"""The hooks that a plugin module may define. Each exists because a bundled plugin needs it.

A plugin module sets `ZOO_API = 1` and decorates its functions with `zoo.hookspecs.hook`:

    from zoo.hookspecs import hook
    from zoo.specs import Component

    ZOO_API = 1

    @hook
    def zoo_components():
        return [Component("encoder", "tiny", "zoo_tiny.net:Tiny", "zoo_tiny.config:TinyConfig")]
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pluggy

from zoo.specs import Component

__all__ = ["API", "GROUP", "hook", "zoo_components", "zoo_registries"]

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
