"""Which images, and how they are prepared: `--data` with its options, and the table [data] of a recipe (torch-free)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath, PureWindowsPath

from zoo.errors import ConfigError
from zoo.types import Condition, DataSpec, PartSpec, Preparation, Scaling, Selection

__all__ = ["COLUMN", "TABLES", "DataConfig", "public_source"]

COLUMN = "column:"
"""What begins the name of a column of labels."""
TABLES = (".csv", ".tsv")
"""How the name of a table of labels ends."""
_HELD_OUT = 0.2
_CLUSTERS = re.compile(r"auto:([1-9][0-9]{0,4})")


@dataclass(frozen=True)
class DataConfig:
    """Real images: a data set's name, a folder, an .npz or an address, and which of its rows.

    `sha256` is the digest of a run's prepared pixels. `strict` refuses a folder with unreadable files, which are
    otherwise skipped and listed. `stream` reads images while they are used instead of all at the start (by default,
    large sets are streamed). `held_out` is the share of images that are not trained on, if the source has no split (by
    default a fifth). `labels` are the source's own or those of its folders (`auto`), those of its folders or an error
    (`folders`), a table's (a path that ends in .csv or .tsv), a column's of a table or an `hf:` data set
    (`column:NAME`), clusters that a transfer makes of the images' codes (`auto:20`), or ignored (`off`).
    A run's config also keeps what its samples are: `bounded`, `scaling`, `condition` and `modality`."""

    source: str
    shape: tuple[int, ...] | None = None
    low: float | None = None
    high: float | None = None
    prepare: Preparation | None = None
    background: int = 0
    limit: int | None = None
    select: Selection | None = None
    sha256: str | None = None
    strict: bool = False
    stream: bool | None = None
    held_out: float | None = None
    labels: str = "auto"
    bounded: bool = True
    scaling: Scaling | None = None
    condition: Condition | None = None
    modality: PartSpec | None = None

    def __post_init__(self) -> None:
        if self.shape is not None:
            object.__setattr__(self, "shape", DataSpec(self.shape).shape)
        if self.select == Selection():
            object.__setattr__(self, "select", None)
        column = self.labels.startswith(COLUMN) and self.labels != COLUMN
        named = self.labels in ("auto", "off", "folders") or self.labels.endswith(TABLES) or column
        if not named and self.clusters is None:
            raise ConfigError(
                f"labels {self.labels[:80]!r} are no labels",
                "Say auto, auto:20, off, folders, a table such as labels.csv, or column:NAME of an hf: data set.",
            )

    @property
    def clusters(self) -> int | None:
        """How many clusters the classes are to be; None if they come from elsewhere."""
        match = _CLUSTERS.fullmatch(self.labels)
        return int(match[1]) if match else None

    @property
    def held_out_share(self) -> float:
        """`held_out`, or its default."""
        return _HELD_OUT if self.held_out is None else self.held_out

    @property
    def spec(self) -> DataSpec:
        """What one prepared sample is. Raises ConfigError unless this is a run's config, which says so in full."""
        shape, low, high, prepare = self.shape, self.low, self.high, self.prepare
        if shape is None or low is None or high is None:
            raise ConfigError(
                "this recipe is not a run's: a setting is missing", "Give the folder of a run, or zoo train RECIPE."
            )
        return DataSpec(
            shape,
            low,
            high,
            prepare or "resize",
            self.background,
            bounded=self.bounded,
            scaling=self.scaling,
            condition=self.condition,
            modality=self.modality,
        )

    def samples(self, like: DataSpec | None = None) -> DataSpec | None:
        """Shape and value range of the samples if they are known before a file is read: those of `like`, in this
        config's shape if it has one; else this config's own."""
        if like is not None:
            return like if self.shape is None else replace(like, shape=self.shape)
        if self.shape is None or self.low is None or self.high is None:
            return None
        return DataSpec(
            self.shape,
            self.low,
            self.high,
            background=self.background,
            bounded=self.bounded,
            scaling=self.scaling,
            condition=self.condition,
            modality=self.modality,
        )


def public_source(source: str) -> str:
    """A source without what is private in it: of a path or URL the last part alone. Names of data sets stay whole."""
    scheme, _, rest = source.partition(":")
    if scheme in ("hf", "shards"):
        return source if scheme == "hf" and not _is_path(rest) else f"{scheme}:{_base_name(rest)}"
    return _base_name(source) if "://" in source or _is_path(source) else source


def _is_path(text: str) -> bool:
    absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return absolute or text.startswith(("~", ".")) or "\\" in text


def _base_name(text: str) -> str:
    if "://" in text:  # neither a password nor a signature
        text = text.partition("?")[0].rpartition("@")[2]
    return PureWindowsPath(text.rstrip("/\\")).name
