"""Plain dataclasses that all layers share: data specs, components, parts, metrics, events.

Nothing here imports torch: manifests, listings and plugin modules are read without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from zoo._utils import html
from zoo.errors import ConfigError, near

__all__ = [
    "KINDS",
    "Case",
    "Component",
    "DataSpec",
    "Event",
    "Kind",
    "Metric",
    "Origin",
    "PartLike",
    "PartSpec",
    "Preparation",
    "RunFacts",
    "Selection",
    "Watcher",
    "as_part",
]

Kind = Literal[
    "encoder",
    "generator",
    "discriminator",
    "bottleneck",
    "prior",
    "transfer",
    "objective",
    "regulariser",
    "dataset",
    "metric",
]
KINDS: tuple[str, ...] = get_args(Kind)

Preparation = Literal["resize", "pad"]

_LARGEST_SAMPLE = 2**28


@dataclass(frozen=True, slots=True)
class DataSpec:
    """The shape and value range of a sample, and how an image of another size is converted.

    `shape` is `(C, H, W)` for images and `(F,)` for vectors. Values are in `[low, high]`. `prepare` converts images of
    another size than `(H, W)`: `resize` scales the shorter side with antialiasing and crops the centre; `pad` centres
    the image on a canvas of the value `background` (0-255). Raises ConfigError for invalid values.
    """

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    prepare: Preparation = "resize"
    background: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if len(self.shape) not in (1, 3) or any(type(n) is not int or n < 1 for n in self.shape):
            raise ConfigError(
                f"data shape {list(self.shape)} is neither (C, H, W) nor (F,)",
                "Give positive whole numbers, for example [1, 32, 32] for grey 32 px images.",
            )
        if math.prod(self.shape) > _LARGEST_SAMPLE:
            raise ConfigError(f"data shape {list(self.shape)} has more than {_LARGEST_SAMPLE:,} values a sample")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(f"value range [{self.low}, {self.high}] is empty", "Use -1 to 1, or 0 to 1.")
        if self.prepare not in get_args(Preparation):
            raise ConfigError(f"prepare {self.prepare!r} is unknown", "Use 'resize' or 'pad'.")
        if not 0 <= self.background <= 255:
            raise ConfigError(f"background {self.background} is not within 0 to 255")

    @property
    def is_image(self) -> bool:
        """Whether a sample is `(C, H, W)`."""
        return len(self.shape) == 3

    @property
    def size(self) -> int:
        """The number of values of a sample."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of an image set that are used; by default all.

    `classes` selects the images with those labels. `tuning` selects the training rows and splits them again, so that
    settings can be tuned without the held-out rows. `learn_from` selects that many training rows (the same each time)
    and every held-out row. They apply in this order.
    """

    classes: tuple[int, ...] = ()
    tuning: bool = False
    learn_from: int | None = None

    def __post_init__(self) -> None:
        if self.learn_from is not None and self.learn_from < 1:
            raise ConfigError(f"learn_from {self.learn_from} leaves no image", "Give at least 1.")


@dataclass(frozen=True, slots=True)
class Component:
    """A component that a plugin offers. `target` and `config` are import strings, `"package.module:name"`.

    `target` is a class or function that builds the component; `config` is a dataclass in a module that does not import
    torch. A component named `*` with `names="package.module:function"` is a family: the function, which must not import
    torch either, lists its names, and the config's field `name` selects one. `cases="package.module:function"` names a
    function without arguments that gives the `Case`s on which `zoo plugins check` checks the component.
    """

    kind: Kind
    name: str
    target: str
    config: str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    names: str = ""
    cases: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Settings and sizes on which a component is meant to work, for the conformance checks.

    `config` are its settings as plain data; one of a family has the setting `name`. `data` is what a network is built
    for, `latent_dim` the size of the codes of a generator, bottleneck or prior, `embedding_dim` that of a bottleneck's
    embeddings. None stands for the checks' own default.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    data: DataSpec | None = None
    latent_dim: int | None = None
    embedding_dim: int | None = None


@dataclass(frozen=True, slots=True)
class PartSpec:
    """A component's id with its settings as plain data, as manifests and recipes store it."""

    component: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.config.items())
        return f"{self.component}({settings})" if settings else self.component


PartLike = str | PartSpec
"""A component's name, or its name with settings: `PartSpec("dcgan", {"width": 64})`."""


def as_part(part: PartLike | Mapping[str, Any]) -> PartSpec:
    """A part as a PartSpec; one of plain data is `{"component": ..., "config": {...}}`."""
    if isinstance(part, PartSpec):
        return part
    if isinstance(part, str):
        return PartSpec(part)
    unknown = set(part) - {"component", "config"}
    if unknown or not isinstance(part.get("component"), str) or not isinstance(part.get("config", {}), Mapping):
        raise ConfigError(
            f"a part is {{component, config}}, got {dict(part)!r}",
            near(str(next(iter(unknown), "")), ["component", "config"]),
        )
    return PartSpec(part["component"], dict(part.get("config", {})))


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured value and how it was measured.

    `n` is the number of generated samples, `reference` that of real ones. `floor` is the value for real images against
    other real images at the same counts, `interval` a 95 % interval, or None. `extractor` is `<component id>@<first 12
    hex digits of its weights' SHA-256>`; `split` are the rows of `data` that the samples were compared with.
    """

    name: str
    value: float
    n: int
    reference: int
    data: str
    split: str
    extractor: str
    floor: float | None = None
    interval: tuple[float, float] | None = None
    seeds: tuple[int, ...] = (0,)

    def _repr_html_(self) -> str:
        interval = f"{self.interval[0]:.4g} to {self.interval[1]:.4g}" if self.interval else "none"
        floor = "none" if self.floor is None else f"{self.floor:.4g}"
        shown = [("95 % interval", interval), ("floor", floor), ("on", f"{self.data}, {self.split}, n={self.n}")]
        return html.facts_table([(self.name, f"{self.value:.4g}"), *shown, ("features", self.extractor)])


@dataclass(frozen=True, slots=True)
class Origin:
    """The release that weights were loaded from; `manifest` pins its zoo.json as `sha256:<hex>`.

    `source` is `hub:org/name@<commit>` for a release from the Hub, or empty. `adapted` is the number of images that the
    autoencoder was trained on since.
    """

    name: str
    version: str
    manifest: str
    source: str = ""
    adapted: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run. `kind` is note (`text`), start, tick (losses), sample (a grid was saved), metrics, warning
    (`warning`, `what`, `advice`), checkpoint, end, stopped (Ctrl-C, SIGTERM) or failed (`error`).

    `shown` of `total` images have been shown; `facts` are JSON values (`images_per_second`, losses, a path, ...).
    """

    kind: str
    shown: int
    total: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, for watchers of its events: its folder, its name, and its recipe as plain data."""

    folder: Path
    name: str
    recipe: Mapping[str, Any]


Watcher = Callable[[Event], None]
"""Called with every event of a run, in the process and thread that trains."""
