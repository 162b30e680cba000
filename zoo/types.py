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
    "CodeShape",
    "Component",
    "Condition",
    "DataKind",
    "DataSpec",
    "Event",
    "Kind",
    "Metric",
    "Origin",
    "PartLike",
    "PartSpec",
    "Preparation",
    "RunFacts",
    "Scaling",
    "Selection",
    "TrainedBy",
    "Watcher",
    "WeightsOrigin",
    "as_code_shape",
    "as_part",
]

Kind = Literal[
    "encoder",
    "generator",
    "discriminator",
    "bottleneck",
    "prior",
    "autoencoder",
    "transfer",
    "objective",
    "regulariser",
    "dataset",
    "metric",
    "modality",
]
KINDS: tuple[str, ...] = get_args(Kind)

Preparation = Literal["resize", "pad"]

DataKind = Literal["image", "vector", "code"]
"""What a sample is: an image, a vector of features (a table's row), or the code of an image in a first stage."""

_AXES: dict[str, tuple[int, ...]] = {"image": (3,), "vector": (1,), "code": (1, 3)}
_LARGEST_SAMPLE = 2**28
_LARGEST_CODE = 2**20


@dataclass(frozen=True, slots=True)
class Scaling:
    """How float data became samples: a stored value v is the sample's (v - offset) / scale, with one `offset` and one
    `scale` for each channel of a `(C, H, W)`, each feature of an `(F,)`. Raises ConfigError for invalid values."""

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.offset) != len(self.scale):
            raise ConfigError(f"scaling has {len(self.offset)} offsets and {len(self.scale)} scales")
        if not all(math.isfinite(value) for value in self.offset):
            raise ConfigError("scaling.offset has a value that is not finite")
        if not all(math.isfinite(value) and value > 0 for value in self.scale):
            raise ConfigError("scaling.scale has a value that is not positive")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of each sample and can be asked for: one of `classes`, or a value for each of `attributes`.

    As a tensor a condition is int64 `(N,)` of class numbers, or float32 `(N, len(attributes))`. `shares` are the
    training images' shares of the classes, in which samples are drawn if no class is asked for; empty means equal ones.
    `quantiles` are evenly spaced quantiles of each attribute among the training images, from which its value is drawn,
    each attribute by itself; without them every value must be asked for.
    Raises ConfigError for names that are empty or repeat, for both kinds at once, and for shares or quantiles that do
    not fit.
    """

    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    quantiles: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        names = self.classes or self.attributes
        if bool(self.classes) == bool(self.attributes):
            raise ConfigError("a condition is either classes or attributes", "Name some of one of them.")
        if len(set(names)) != len(names) or not all(names):
            raise ConfigError("the names of a condition are empty or repeat")
        if self.shares and (len(self.shares) != len(self.classes) or not all(s >= 0 for s in self.shares)):
            raise ConfigError(f"{len(self.shares)} shares do not fit {len(self.classes)} classes")
        if self.shares and not math.isclose(sum(self.shares), 1.0, abs_tol=1e-6):
            raise ConfigError(f"the shares of the classes add up to {sum(self.shares):g}, not 1")
        if self.quantiles and (
            len(self.quantiles) != len(self.attributes)
            or len({len(values) for values in self.quantiles}) != 1
            or not all(math.isfinite(value) for values in self.quantiles for value in values)
            or not self.quantiles[0]
        ):
            raise ConfigError(f"{len(self.quantiles)} lists of quantiles do not fit {len(self.attributes)} attributes")

    @property
    def width(self) -> int:
        """The number of classes or attributes."""
        return len(self.classes or self.attributes)

    def same_names(self, other: Condition | None) -> bool:
        """Whether a class or attribute of one is that of the other, in whatever shares."""
        return other is not None and (self.classes, self.attributes) == (other.classes, other.attributes)


@dataclass(frozen=True, slots=True)
class DataSpec:
    """What a sample is: its shape, values and kind, what can be asked for, and how an image of another size is
    converted.

    `shape` is `(C, H, W)` for images and codes and `(F,)` for vectors; `kind` is `image` or `vector` accordingly, or
    `code`. Values are in `[low, high]`, or only about there unless `bounded` (standardised codes and features).
    `scaling` says how float data was scaled. `condition` names the classes or attributes of labelled data. `modality`
    is the component that reads the data and turns samples into what people see, with its settings, such as the columns
    of a table; None for images, codes and plain vectors. `prepare`
    converts images of another size than `(H, W)`: `resize` scales the shorter side with antialiasing and crops the
    centre; `pad` centres the image on a canvas of the value `background` (0-255). Raises ConfigError for invalid
    values.
    """

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    prepare: Preparation = "resize"
    background: int = 0
    kind: DataKind = "image"
    bounded: bool = True
    scaling: Scaling | None = None
    condition: Condition | None = None
    modality: PartSpec | None = None

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
        if len(self.shape) == 1 and self.kind == "image":
            object.__setattr__(self, "kind", "vector")
        if self.kind not in get_args(DataKind) or len(self.shape) not in _AXES[self.kind]:
            raise ConfigError(f"data of shape {list(self.shape)} is not of the kind {self.kind!r}")
        if self.modality is not None and self.kind != "vector":
            raise ConfigError(f"samples of {self.modality.component} are vectors, not {self.kind}s")
        if self.scaling is not None and len(self.scaling.offset) != self.shape[0]:
            raise ConfigError(f"{len(self.scaling.offset)} scales do not fit data of shape {list(self.shape)}")

    def __str__(self) -> str:
        values = f"in [{self.low:g}, {self.high:g}]" if self.bounded else "standardised"
        of = "" if self.modality is None else f" of {self.modality.component}"
        return f"{self.kind}s{of} of shape {list(self.shape)} {values}"

    @property
    def is_image(self) -> bool:
        """Whether a sample is a picture `(C, H, W)`."""
        return self.kind == "image"

    @property
    def is_spatial(self) -> bool:
        """Whether a sample is `(C, H, W)`: an image, or a code that keeps its place."""
        return len(self.shape) == 3

    def same_values(self, other: DataSpec) -> bool:
        """Whether a sample of one is a sample of the other: equal shape, kind, value range, scaling and modality."""
        ours = (self.shape, self.kind, self.low, self.high, self.bounded, self.scaling, self.modality)
        theirs = (other.shape, other.kind, other.low, other.high, other.bounded, other.scaling, other.modality)
        return ours == theirs

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

    `migrate` names a function in a module that does not import torch, `migrate(version: str, config: Mapping) ->
    Mapping`: settings that an older `version` of the plugin wrote into a release or a recipe, as settings of today. An
    earlier name of the component goes into `aliases`.

    `suffixes` are the endings of the files that a modality reads, in lower case with their dot: `(".csv", ".tsv")`.
    """

    kind: Kind
    name: str
    target: str
    config: str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    names: str = ""
    migrate: str = ""
    cases: str = ""
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Settings and sizes on which a component is meant to work, for the conformance checks.

    `config` are its settings as plain data; one of a family has the setting `name`. `data` is what a network is built
    for; a conditional network or prior gets the labels that it describes. `code_shape` is the shape of the codes of a
    generator, bottleneck or prior, `embedding_shape` that of a bottleneck's embeddings. None stands for the checks' own
    default, for the codes of a generator for the shape that it declares. `files="package.module:function"` writes a
    small pretrained autoencoder into a folder, for a component of the kind `autoencoder`, or a small file of records,
    whose path it returns, for one of the kind `modality`. `gan_generator` is the
    generator of the GAN that a strategy transfers into, by default one like the autoencoder's decoder.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    data: DataSpec | None = None
    code_shape: CodeShape | None = None
    embedding_shape: CodeShape | None = None
    files: str = ""
    gan_generator: PartSpec | None = None


@dataclass(frozen=True, slots=True)
class PartSpec:
    """A component's id with its settings as plain data, as manifests and recipes store it."""

    component: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.config.items())
        return f"{self.component}({settings})" if settings else self.component


CodeShape = int | tuple[int, ...]
"""The shape of a code as a setting: a number of values, 64, means the same as `(64,)`."""


def as_code_shape(code_shape: CodeShape) -> tuple[int, ...]:
    """The shape of a code, one axis or `(c, h, w)`. Raises ConfigError for any other, or for over 2^20 values."""
    shape = (code_shape,) if isinstance(code_shape, int) else tuple(code_shape)
    if len(shape) not in (1, 3) or any(type(n) is not int or n < 1 for n in shape) or math.prod(shape) > _LARGEST_CODE:
        raise ConfigError(
            f"code_shape {code_shape} is not one positive number of values or three, up to {_LARGEST_CODE:,} in all",
            "64 suits images of 32 px; a code that keeps its place is (c, h, w), for example (4, 8, 8).",
        )
    return shape


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


_NEIGHBOURHOODS = frozenset({"precision", "recall", "density", "coverage"})
_FEWEST_NEIGHBOURS = 200


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

    @property
    def rough(self) -> bool:
        """Whether it is a share of neighbours among fewer than 200 images, whose chance variation is larger than what
        it is to show."""
        return self.name in _NEIGHBOURHOODS and min(self.n, self.reference) < _FEWEST_NEIGHBOURS

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

    @property
    def address(self) -> str:
        """What opens this release and no later version of it: its commit on the Hub, or else its name and version."""
        return self.source or f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class WeightsOrigin:
    """Where pretrained weights come from: a file of a Hub repository at one commit, its SHA-256 and its licence.

    `repository` is `org/name`, or empty for a file of one's own; `license` is an SPDX expression, or empty if the
    source states none. Raises ConfigError for a digest that is none.
    """

    repository: str
    commit: str
    file: str
    sha256: str
    license: str = ""

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ConfigError(f"sha256 {self.sha256[:80]!r} is not 64 hexadecimal digits")

    def __str__(self) -> str:
        source = f"{self.repository}@{self.commit[:12]}" if self.repository else self.file
        return f"{source} ({self.license})" if self.license else source


@dataclass(frozen=True, slots=True)
class TrainedBy:
    """The run that gave weights their values: its recipe as plain data, and the sha256 of the weights that it gave."""

    recipe: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run. `kind` is note (`text`), encoding (`shown` of `total` images are encoded; `seconds_left`),
    start, tick (losses), sample (a grid was saved), metrics, warning (`warning`, `what`, `advice`), checkpoint, end,
    stopped (Ctrl-C, SIGTERM) or failed (`error`).

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
