"""A table of labels beside images: file names, and a class or several attributes of each."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zoo.data.folder import printable
from zoo.errors import DataError

__all__ = ["LabelTable", "read_label_table"]

_LARGEST = 2**28
_FILE_COLUMNS = ("file", "file_name", "filename", "image", "path", "name", "row")
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_EXAMPLE = "For example: a first line file,class and then 1.jpg,dress"


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The labels of N files, in the order asked for: class numbers int64 (N,) with the names `classes`, or `attributes`
    with values float32 (N, k). `unused` counts the rows of files that were not asked for."""

    labels: np.ndarray[Any, Any]
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    unused: int = 0


def read_label_table(path: Path, names: Sequence[str]) -> LabelTable:
    """The labels of the files `names` (relative paths) by a CSV, TSV or semicolon-separated file with a header.

    Its first column, or the one called file, filename, image, path, name or row, has relative paths, or the files' own
    names if no two are alike, or the numbers of rows. One other column is the class; several are attributes, whose
    values are numbers, or true and false. Raises DataError for a file that is no such table, a row that repeats or is
    incomplete, and an image without a row.
    """
    header, rows = _read(path)
    at = next((i for i, name in enumerate(header) if name.strip().lower() in _FILE_COLUMNS), 0)
    columns = [i for i in range(len(header)) if i != at]
    if not columns:
        raise DataError(f"{path} has one column alone: {printable(header[0])[:80]}", _EXAMPLE)
    by_file: dict[str, list[str]] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(f"{path} line {number}: {len(row)} values, and the header has {len(header)} columns")
        key = PurePosixPath(row[at].strip().replace("\\", "/")).as_posix()
        if key in by_file:
            raise DataError(f"{path} line {number}: {printable(key)[:80]} has a row already", "Remove one of them.")
        by_file[key] = [row[i].strip() for i in columns]
    unique = _unique_names(names)
    rows_of_names = [by_file.get(name) or (by_file.get(PurePosixPath(name).name) if unique else None) for name in names]
    missing = [name for name, row in zip(names, rows_of_names, strict=True) if row is None]
    if missing:
        raise DataError(
            f"{path} has no row for {len(missing):,} of {len(names):,} images: {_some(missing)}",
            "Add them, or take those images out of the folder.",
        )
    values = [row for row in rows_of_names if row is not None]
    unused = len(by_file) - len(names)
    if len(columns) == 1:
        return _classes(path, names, [row[0] for row in values], unused)
    attributes = tuple(printable(header[i].strip()) for i in columns)
    return LabelTable(_numbers(path, names, values, attributes), attributes=attributes, unused=unused)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows that are not empty."""
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} has over {_LARGEST:,} bytes", "Give a smaller table.")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"the table {path} cannot be read: {error.strerror or error}", "Check the path.") from None
    except UnicodeDecodeError:
        raise DataError(f"the table {path} is no text in UTF-8", "Save it as CSV in UTF-8.") from None
    lines = text.splitlines()
    if not lines:
        raise DataError(f"the table {path} is empty", _EXAMPLE)
    separator = max(",;\t", key=lines[0].count)
    try:
        header, *rows = (row for row in csv.reader(lines, delimiter=separator, strict=True) if row)
    except (csv.Error, ValueError) as error:
        raise DataError(f"the table {path} cannot be read: {error}", _EXAMPLE) from None
    return header, rows


def _unique_names(names: Sequence[str]) -> bool:
    """Whether no two files in different folders have the same name."""
    return len({PurePosixPath(name).name for name in names}) == len(names)


def _some(names: Sequence[str]) -> str:
    return ", ".join(printable(name)[:80] for name in names[:3]) + (", ..." if len(names) > 3 else "")


def _classes(path: Path, names: Sequence[str], values: Sequence[str], unused: int) -> LabelTable:
    empty = [name for name, value in zip(names, values, strict=True) if not value]
    if empty:
        raise DataError(f"{path} gives no class to {len(empty):,} images: {_some(empty)}")
    shown = [printable(value) for value in values]
    classes = tuple(sorted(set(shown)))
    numbers = {value: number for number, value in enumerate(classes)}
    return LabelTable(np.array([numbers[value] for value in shown], dtype=np.int64), classes, unused=unused)


def _numbers(
    path: Path, names: Sequence[str], rows: Sequence[Sequence[str]], attributes: Sequence[str]
) -> np.ndarray[Any, Any]:
    values = np.empty((len(rows), len(attributes)), dtype=np.float32)
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            number = _WORDS.get(text.lower())
            try:
                values[i, j] = float(text) if number is None else number
            except ValueError:
                values[i, j] = math.nan
            if not math.isfinite(values[i, j]):
                raise DataError(
                    f"{path}: the {attributes[j]} of {printable(names[i])} is {printable(text)[:40]!r}, not a number",
                    "Several columns are attributes: numbers, or true and false. One column alone is the class.",
                )
    return values
