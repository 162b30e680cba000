"""Plugins: which are installed (`loading`), what they offer (`lookup`), and messages for failures (`failures`).

Nothing here imports torch.
"""

from __future__ import annotations

from zoo.plugins.failures import repair as repair, strict as strict
from zoo.plugins.loading import host as host, load as load, plugins as plugins, registries as registries
from zoo.plugins.lookup import (
    build as build,
    components as components,
    config_class as config_class,
    configure as configure,
    find_component as find_component,
    fresh as fresh,
    import_component as import_component,
    missing_members as missing_members,
    normalise as normalise,
    require as require,
)
from zoo.plugins.types import (
    BUNDLED as BUNDLED,
    Host as Host,
    Plugin as Plugin,
    RegisteredComponent as RegisteredComponent,
)
