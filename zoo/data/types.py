"""The contracts of components that give data: a data set, and a modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from zoo.types import DataSpec

__all__ = ["Dataset", "Modality", "Records"]


@runtime_checkable
class Dataset(Protocol):
    """Real images. Built by `dataset(config)`, from files that came with the plugin; never downloads in silence.

    `images` is uint8, `(N, H, W)` or `(N, H, W, C)`; `labels` `(N,)` or None, their classes called `classes[label]` if
    there is such an attribute, else like the label; `train` marks the rows to learn from, the others are held out.
    `spec` is how they are best prepared; `license` (SPDX) and `credit` travel into every release made from them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    train: np.ndarray
    spec: DataSpec
    license: str
    credit: str


@runtime_checkable
class Records(Protocol):
    """What a modality read from a file: N records in any form, whose they are, and `notes` on what is remarkable.
    `license` is an SPDX expression, empty if the file states none."""

    license: str
    credit: str
    notes: tuple[str, ...]

    def __len__(self) -> int: ...


class Modality:
    """Data that is no image, such as a table: how records become samples, vectors of floats, and samples records.

    Built by `modality(config)`; the config, a frozen dataclass in a module without torch, holds everything that was
    fitted to the records, as plain data: it travels in recipes and releases, so it must hold no record. `read` and
    `fit` are called on the class. The config has a method `facts() -> (header, rows)` of texts for people, which
    describes a record.

    `width` is the number of values of a sample. `writes` are the endings of the files that `file` writes, the usual one
    first. `recipe` is what `zoo train` and `zoo transfer` take unless the user says otherwise, as a part of a recipe in
    plain data: the tables `autoencoder`, `gan` and `transfer`.
    """

    width: int
    writes: ClassVar[Sequence[str]]
    recipe: ClassVar[Mapping[str, Any]] = {}

    @staticmethod
    def read(path: Path) -> Any:
        """The `Records` of a file, which is hostile until it is checked. Raises DataError."""
        raise NotImplementedError

    @classmethod
    def fit(cls, records: Any, rows: Sequence[int]) -> Any:
        """The config for these records, fitted to those `rows` alone. Raises DataError for records that cannot be
        learnt, saying which and why."""
        raise NotImplementedError

    def encode(self, records: Any) -> Tensor:
        """Records -> samples (N, width), float32. Raises DataError for records that the config does not describe."""
        raise NotImplementedError

    def labels(self, records: Any, name: str) -> tuple[np.ndarray[Any, Any], Sequence[str]]:
        """The class of each record, int64 (N,), by what the records call `name`, and the names of the classes. Raises
        DataError if there is no such thing, or it has no classes."""
        raise NotImplementedError

    def rows(self, samples: Tensor) -> tuple[Sequence[str], list[Sequence[str]]]:
        """Samples (N, width) as a table of texts: a header, and a row for each. Raises nothing for finite samples."""
        raise NotImplementedError

    def file(self, samples: Tensor, suffix: str) -> bytes:
        """Samples (N, width) as the bytes of a file with one of the endings `writes`."""
        raise NotImplementedError

    def matches(self, samples: Tensor, wanted: Sequence[str]) -> Tensor:
        """Which of the samples (N, width) satisfy every condition, such as `cut=Ideal`; bool (N,). Raises ConfigError
        for a condition that none could satisfy, also if N is 0."""
        raise NotImplementedError

    def figures(self, samples: Tensor, real: Tensor, train: Tensor) -> Mapping[str, tuple[float, float | None]]:
        """Figures of samples (N, width) against `real` held-out ones, by name, each with its floor or None. `train`
        are the rows that were learnt. Higher may be better or worse; the docs of the modality say so."""
        raise NotImplementedError
