"""Plain facts that cross every border of the zoo: what a sample is, what a component is, what a part is.

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
    """What one sample is: its shape, its value range and how a source image becomes one.

    `shape` is `(C, H, W)` for images and `(F,)` for vectors. Values lie in `[low, high]`.
    `prepare` says how an image of another size is brought to `(H, W)`: `resize` scales the shorter side
    with antialiasing and crops the centre; `pad` centres it on a canvas of the value `background` (0-255).
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
        """How many values a sample has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a set of images are used; by default all.

    `classes` keeps the images of those labels. `tuning` keeps the rows to learn from alone and splits them again, so
    that settings can be chosen without a look at the held-out rows. `learn_from` keeps that many rows to learn from
    (the same ones each time) and every held-out row. They apply in this order.
    """

    classes: tuple[int, ...] = ()
    tuning: bool = False
    learn_from: int | None = None

    def __post_init__(self) -> None:
        if self.learn_from is not None and self.learn_from < 1:
            raise ConfigError(f"learn_from {self.learn_from} leaves no image", "Give at least 1.")


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that a plugin offers. `target` and `config` are import strings, `"package.module:name"`.

    `target` is a class or function that builds the component; `config` is a dataclass whose module imports
    no torch. A record named `*` with `names="package.module:function"` stands for a family whose names that
    torch-free function lists; its target gets the name as the config's `name` field.
    """

    kind: Kind
    name: str
    target: str
    config: str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    names: str = ""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """A component by id with its settings as plain data: what manifests and recipes store."""

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
    """One measured figure and all that is needed to read it.

    `n` is how many generated samples it was taken from, `reference` how many real ones; `floor` is the same
    figure of real images against real ones at the same counts; `interval` a 95 % interval, where one was computed.
    `extractor` is `<component id>@<first 12 hex of its weights' sha256>`; `split` the rows of `data` compared with.
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
        return html.facts([(self.name, f"{self.value:.4g}"), *shown, ("features", self.extractor)])


@dataclass(frozen=True, slots=True)
class Origin:
    """The release that weights were loaded from; `manifest` pins its zoo.json as `sha256:<hex>`.

    `source` is `hub:org/name@<commit>` where it came from the Hub, else empty. `adapted` counts the images that an
    autoencoder was trained on since.
    """

    name: str
    version: str
    manifest: str
    source: str = ""
    adapted: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is note (`text`: what a transfer says of itself), start, tick (losses), sample (a grid was written),
    metrics, warning (`warning`, `what`, `advice`), checkpoint, end, stopped (Ctrl-C, SIGTERM) or failed (`error`).

    `shown` of `total` images have been shown; `facts` hold JSON-able values (`images_per_second`, losses, a path, ...).
    """

    kind: str
    shown: int
    total: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Whose events they are: the run's folder, its name, and its recipe as plain data."""

    folder: Path
    name: str
    recipe: Mapping[str, Any]


Watcher = Callable[[Event], None]
"""Called with every event of a run, in the process and thread that trains."""
