"""Plugins: which are installed (`loading`), what they offer (`lookup`), and messages for failures (`failures`).

Nothing here imports torch.
"""

from __future__ import annotations

from zoo.plugins.failures import repair, strict
from zoo.plugins.loading import host, load, plugins, registries
from zoo.plugins.lookup import (
    build,
    components,
    config_class,
    configure,
    find_component,
    fresh,
    import_component,
    missing_members,
    normalise,
    require,
)
from zoo.plugins.types import BUNDLED, Host, Plugin, RegisteredComponent

__all__ = [
    "BUNDLED",
    "Host",
    "Plugin",
    "RegisteredComponent",
    "build",
    "components",
    "config_class",
    "configure",
    "find_component",
    "fresh",
    "host",
    "import_component",
    "load",
    "missing_members",
    "normalise",
    "plugins",
    "registries",
    "repair",
    "require",
    "strict",
]
