"""Plugins and the components that they offer, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from zoo.types import Component, DataSpec, PartLike

__all__ = ["BUNDLED", "CORE", "DeclaresCode", "Host", "NamesBottleneck", "Plugin", "RegisteredComponent"]

BUNDLED = (
    "zoo-dcgan",
    "zoo-diffusers",
    "zoo-efficientnet",
    "zoo-fastgan",
    "zoo-mlp",
    "zoo-r3gan",
    "zoo-spatial",
    "zoo-starter",
    "zoo-tables",
    "zoo-taesd",
    "zoo-timm",
    "zoo-trackers",
    "zoo-transfer",
)
"""The distributions to suggest if no installed plugin offers a kind of component."""
CORE = "aegan-zoo"
"""The distribution of Zoo itself, which offers components too."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One discovered plugin. `step` is `ready`, `disabled`, or the step of loading at which it failed: `unique`,
    `import`, `api`, `register`, `collect` or `registry`.

    `error` is the cause in one line, empty if nothing failed; `traceback` is the full one.
    """

    name: str
    target: str
    distribution: str
    version: str
    step: str = "discovered"
    error: str = ""
    editable: bool = False
    traceback: str = field(default="", repr=False, compare=False)

    @property
    def ready(self) -> bool:
        """Whether its components can be used."""
        return self.step == "ready"

    @property
    def release(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"

    @property
    def recorded(self) -> str:
        """The distribution and its version, `name==version`, as manifests and recipes record them."""
        return f"{self.distribution}=={self.version}"

    def plain(self, *, traceback: bool = False) -> dict[str, Any]:
        """The plugin as plain data; the step has the key `stage`."""
        fields = {"stage" if key == "step" else key: value for key, value in asdict(self).items()}
        return fields if traceback else {key: value for key, value in fields.items() if key != "traceback"}


@dataclass(frozen=True, slots=True)
class RegisteredComponent:
    """A component and the plugin that offers it."""

    component: Component
    plugin: Plugin

    @property
    def id(self) -> str:
        """The full id, `<plugin>/<name>`."""
        return f"{self.plugin.name}/{self.component.name}"


@runtime_checkable
class DeclaresCode(Protocol):
    """The config of a generator that reads codes of one shape alone; it depends on the settings and on the data."""

    def code_shape(self, data: DataSpec) -> tuple[int, ...]:
        """The shape of its codes, `(d,)` or `(c, h, w)`. Raises CompositionError if it cannot make such data."""


@runtime_checkable
class NamesBottleneck(Protocol):
    """The config of an encoder that goes with one bottleneck, such as a pretrained one: another one would put a layer
    of random weights behind it."""

    def bottleneck(self) -> PartLike:
        """The bottleneck that is used unless the user names another one."""


@dataclass(frozen=True, slots=True)
class Host:
    """All plugins of this process, and what the ready ones offer."""

    plugins: tuple[Plugin, ...]
    components: tuple[RegisteredComponent, ...]
    registries: tuple[tuple[str, Path], ...]
    events: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """The `zoo_run_event` hooks, by plugin."""
