"""Checks of modalities: what a file says becomes samples, and samples become a file that says the same."""

from __future__ import annotations

import importlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import plugins
from zoo.config import to_plain
from zoo.data.modalities import modality_class
from zoo.data.types import Modality
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.types import PartSpec

__all__ = ["MODALITY_CHECKS", "ModalityCase"]


@dataclass(frozen=True)
class ModalityCase(ComponentCase):
    """A modality. `files="package.module:function"` names a function that writes a small file of records, at least 20,
    into the folder that it is called with, and returns its path."""

    kind = "modality"
    files: str = ""

    @contextmanager
    def file(self) -> Iterator[Path]:
        """The file of records."""
        assert self.files, "the case names no files: give it files='package.module:function', which writes one"
        module, _, function = self.files.partition(":")
        with tempfile.TemporaryDirectory() as name:
            yield getattr(importlib.import_module(module), function)(Path(name))

    def fitted(self, path: Path) -> tuple[Modality, Any, Tensor]:
        """The modality fitted to half of a file's records, the records, and all of them as samples."""
        cls = modality_class(self.registered)
        records = cls.read(path)
        spec = PartSpec(self.component, to_plain(cls.fit(records, range(0, len(records), 2))))
        modality: Modality = plugins.build("modality", plugins.normalise("modality", spec))
        return modality, records, modality.encode(records)


def records_become_samples(case: ModalityCase) -> None:
    """Each record is one sample of `width` finite float32 values, the same ones each time; a fitted config is plain
    data."""
    with case.file() as path:
        modality, records, samples = case.fitted(path)
        again = case.fitted(path)[2]
    assert len(records) >= 20, f"the case's file has {len(records)} records"
    assert samples.dtype == torch.float32, f"samples are {samples.dtype}"
    assert tuple(samples.shape) == (len(records), modality.width), f"samples have the shape {list(samples.shape)}"
    assert bool(samples.isfinite().all()), "samples are not finite"
    assert torch.equal(samples, again), "the same file gave other samples"


def a_file_of_samples_is_read_as_the_same_samples(case: ModalityCase) -> None:
    """A file with each ending that it writes has a record for each sample, and reading it gives the same rows."""
    with case.file() as path:
        modality, _, samples = case.fitted(path)
        header, rows = modality.rows(samples)
        assert len(rows) == len(samples), f"{len(samples)} samples have {len(rows)} rows"
        assert all(len(row) == len(header) for row in rows), "a row has not the header's columns"
        assert modality.writes, "it writes no file"
        for suffix in modality.writes:
            written = path.with_name(f"written{suffix}")
            written.write_bytes(modality.file(samples, suffix))
            again = modality.rows(modality.encode(type(modality).read(written)))
            assert list(map(tuple, again[1])) == list(map(tuple, rows)), f"a {suffix} file says something else"


def any_finite_sample_has_a_row(case: ModalityCase) -> None:
    """A generator may give any numbers: they have rows, and no condition fits them all."""
    with case.file() as path:
        modality = case.fitted(path)[0]
    wild = torch.tensor([[0.0], [1e6], [-1e6]]).expand(3, modality.width).clone()
    assert len(modality.rows(wild)[1]) == 3, "there is no row for each"
    assert modality.matches(wild, ()).tolist() == [True] * 3, "without a condition not all samples match"


def figures_are_finite(case: ModalityCase) -> None:
    """Figures of real samples against real ones are finite numbers."""
    with case.file() as path:
        modality, _, samples = case.fitted(path)
    half = len(samples) // 2
    for name, (value, floor) in modality.figures(samples[:half], samples[half:], samples[:half]).items():
        assert math.isfinite(value), f"{name} is {value}"
        assert floor is None or math.isfinite(floor), f"the floor of {name} is {floor}"


def its_settings_describe_a_record(case: ModalityCase) -> None:
    """`facts()` of the config is a header and rows of texts."""
    header, rows = case.settings.facts()
    assert all(isinstance(text, str) for text in header), f"the header is {header!r}"
    assert rows, "it describes nothing"
    assert all(len(row) == len(header) for row in rows), "a row has not the header's columns"


MODALITY_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    records_become_samples,
    a_file_of_samples_is_read_as_the_same_samples,
    any_finite_sample_has_a_row,
    figures_are_finite,
    its_settings_describe_a_record,
)
