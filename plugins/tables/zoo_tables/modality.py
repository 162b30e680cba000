"""A table as a modality: rows of cells as samples, and samples as rows of cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from zoo.plugin import DataError, Modality, near
from zoo_tables.columns import MISSING, NUMBERS, Column, TableConfig, blocks_of
from zoo_tables.figures import figures
from zoo_tables.fitting import OTHER, fit_table
from zoo_tables.ranks import from_normal, to_normal
from zoo_tables.reading import TableRecords, read_table
from zoo_tables.texts import ABSENT, read_number, write_number
from zoo_tables.where import parse_condition

__all__ = ["Table"]


class Table(Modality):
    """Rows of the columns that its config describes. Samples are (N, width) float32, see `zoo_tables.columns`."""

    writes: ClassVar[Sequence[str]] = (".csv", ".tsv")
    recipe: ClassVar[Mapping[str, Any]] = {
        "autoencoder": {
            "encoder": "tables/rows",
            "decoder": "tables/rows",
            "bottleneck": "core/linear",
            "code_shape": 16,
            "training": {
                "objective": {"component": "tables/rows", "config": {"noise": 0.1, "code_penalty": 0.01}},
                "images": 400_000,
                "batch": 200,
            },
        },
        "gan": {
            "generator": "tables/rows",
            "discriminator": "tables/rows",
            "code_shape": 16,
            "training": {
                "images": 400_000,
                "batch": 200,
                "generator_lr": 5e-4,
                "discriminator_lr": 2e-3,
                "ema_half_life": 100_000,
                "ema_ramp": 0.2,
            },
        },
        "transfer": {"strategy": "decoder-init+encoder-init+gaussian-prior"},
    }

    def __init__(self, config: TableConfig) -> None:
        self.config = config
        self.blocks = blocks_of(config)
        self.width = config.width

    @staticmethod
    def read(path: Path) -> TableRecords:
        """The cells of a file. Raises DataError."""
        return read_table(path)

    @classmethod
    def fit(cls, records: TableRecords, rows: Sequence[int]) -> TableConfig:
        """The columns, fitted to those rows. Raises DataError that names every column that cannot be learnt."""
        return fit_table(records, rows)

    def encode(self, records: TableRecords) -> Tensor:
        """Cells -> samples (N, width). Columns that are not described are left out. Raises DataError for a column that
        is missing, and for a cell that its column does not allow."""
        absent = [column.name for column in self.config.columns if column.name not in records.cells]
        if absent:
            raise DataError(
                f"{records.file} has no column {absent[0]!r}, which the model knows", near(absent[0], [*records.cells])
            )
        return torch.from_numpy(
            np.concatenate([_encoded(column, records) for column in self.config.columns], 1, dtype=np.float32)
        )

    def labels(self, records: TableRecords, name: str) -> tuple[np.ndarray[Any, Any], Sequence[str]]:
        """The category of each row in the column `name`, int64 (N,), and the names. Raises DataError."""
        column = next((column for column in self.config.columns if column.name == name), None)
        if column is None or column.kind in NUMBERS:
            named = [column.name for column in self.config.columns if column.kind not in NUMBERS]
            raise DataError(f"{records.file} has no column of categories {name[:40]!r}", near(name, named))
        numbers = _encoded(column, records).argmax(1)
        return numbers.astype(np.int64), [text or "missing" for text in column.categories]

    def rows(self, samples: Tensor) -> tuple[Sequence[str], list[Sequence[str]]]:
        """Samples (N, width) -> the names of the columns, and the cells of each row."""
        columns = [self.cells(number, samples) for number in range(len(self.config.columns))]
        return [column.name for column in self.config.columns], list(zip(*columns, strict=True))

    def cells(self, number: int, samples: Tensor) -> list[str]:
        """The cells of one column of samples (N, width)."""
        column = self.config.columns[number]
        if column.kind not in NUMBERS:
            return [column.categories[choice] for choice in self.choices(number, samples).tolist()]
        values, present = self.values(number, samples)
        return [write_number(column, value) if there else MISSING for value, there in zip(values, present, strict=True)]

    def values(self, number: int, samples: Tensor) -> tuple[list[float], list[bool]]:
        """The values of a column of numbers, not yet rounded, and whether each is there."""
        column, start = self.config.columns[number], self._start(number)
        values = from_normal(column, samples[:, start].double().numpy())
        present = samples[:, start + 1] >= samples[:, start + 2] if column.missing else torch.ones(len(samples)) > 0
        return values.tolist(), present.tolist()

    def choices(self, number: int, samples: Tensor) -> Tensor:
        """The number of the likeliest category of each sample, (N,)."""
        start = self._start(number)
        return samples[:, start : start + len(self.config.columns[number].categories)].argmax(1)

    def file(self, samples: Tensor, suffix: str) -> bytes:
        """Samples (N, width) as CSV or TSV."""
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
        header, rows = self.rows(samples)
        writer.writerow(header)
        writer.writerows(rows)
        return buffer.getvalue().encode()

    def matches(self, samples: Tensor, wanted: Sequence[str]) -> Tensor:
        """Which samples (N, width) satisfy every condition, bool (N,). Raises ConfigError for a column or a category
        that there is not, and for a value that is none."""
        kept = torch.ones(len(samples), dtype=torch.bool)
        for text in wanted:
            condition = parse_condition(self.config, text)
            kept &= torch.tensor(condition.fits(self.cells(condition.number, samples)), dtype=torch.bool)
        return kept

    def figures(self, samples: Tensor, real: Tensor, train: Tensor) -> Mapping[str, tuple[float, float | None]]:
        """See `zoo_tables.figures`."""
        return figures(self, samples, real, train)

    def _start(self, number: int) -> int:
        return next(block.start for block in self.blocks if block.column == number)


def _encoded(column: Column, records: TableRecords) -> np.ndarray[Any, Any]:
    """The cells of a column as values (N, column.width)."""
    cells = records.cells[column.name]
    if column.kind not in NUMBERS:
        numbers = {text: i for i, text in enumerate(column.categories)}
        at = [numbers.get(MISSING if text in ABSENT else text, numbers.get(OTHER, -1)) for text in cells]
        if -1 in at:
            raise _unknown(column, records, at.index(-1))
        return np.eye(len(numbers))[at]
    values = np.zeros(len(cells))
    present = np.ones(len(cells), dtype=bool)
    for row, text in enumerate(cells):
        value = None if text in ABSENT else read_number(column.kind, text)
        if (value is None and not (column.missing and text in ABSENT)) or (
            value is not None and not np.isfinite(value)
        ):
            raise _unknown(column, records, row)
        present[row] = value is not None
        values[row] = 0.0 if value is None else value
    z = np.where(present, to_normal(column, values), 0.0)
    return np.stack([z, present, ~present], 1) if column.missing else z[:, None]


def _unknown(column: Column, records: TableRecords, row: int) -> DataError:
    cell = records.cells[column.name][row]
    known = f"one of {', '.join(map(repr, column.categories[:5]))}" if column.categories else f"a value ({column.kind})"
    return DataError(
        f"{records.file}: the {column.name} of row {row + 1} is {cell[:40]!r}, not {known}",
        "Remove such rows, or train on all of them.",
    )
