"""Plugins: which are installed (`loading`), what they offer (`lookup`), messages for failures (`failures`),
and what older versions made (`versions`).

Nothing here imports torch.
"""

from __future__ import annotations

from zoo.plugins.failures import repair as repair, strict as strict
from zoo.plugins.install import install_command as install_command
from zoo.plugins.loading import host as host, load as load, plugins as plugins, registries as registries
from zoo.plugins.lookup import (
    build as build,
    components as components,
    config_class as config_class,
    configure as configure,
    declared_bottleneck as declared_bottleneck,
    declared_code_shape as declared_code_shape,
    discriminator_kind as discriminator_kind,
    find_component as find_component,
    fresh as fresh,
    import_component as import_component,
    missing_members as missing_members,
    normalise as normalise,
    normalise_discriminator as normalise_discriminator,
    require as require,
)
from zoo.plugins.types import (
    BUNDLED as BUNDLED,
    CORE as CORE,
    DeclaresCode as DeclaresCode,
    Host as Host,
    NamesBottleneck as NamesBottleneck,
    Plugin as Plugin,
    RegisteredComponent as RegisteredComponent,
)
from zoo.plugins.versions import (
    current as current,
    differs as differs,
    install_hint as install_hint,
    made_with as made_with,
    not_vouched as not_vouched,
)
