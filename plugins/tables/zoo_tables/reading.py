"""Tables from files: CSV and TSV, parquet with pyarrow, or a `.table.toml` that names such a file and its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.plugin import DataError, near, parse_toml, read_regular, sanitize
from zoo_tables.columns import KINDS

__all__ = ["SKIP", "TableRecords", "read_table"]

SKIP = "skip"
"""The kind of a column that is left out."""

_LARGEST = 2**28
_LARGEST_TOML = 200_000
_MOST_CELLS = 50_000_000
_LONGEST = 10_000
_KEYS = ("file", "license", "credit", "columns")


@dataclass(frozen=True, eq=False)
class TableRecords:
    """The cells of a file as texts, without spaces around them: `cells[name][row]`. `kinds` are those that the user
    gave to columns; those that are `skipped` are not among the cells."""

    path: Path
    cells: Mapping[str, list[str]]
    kinds: Mapping[str, str] = field(default_factory=dict)
    license: str = ""
    credit: str = ""
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of the file, for messages."""
        return self.path.name

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), []))


def read_table(path: Path) -> TableRecords:
    """The cells of a file. Raises DataError for a file that cannot be read, is no table, or is too large."""
    if not path.is_file():
        raise DataError(f"there is no file {path}", "Check the path.")
    if path.name.lower().endswith(".table.toml"):
        return _described(path)
    header, rows = _parquet(path) if path.suffix.lower() == ".parquet" else _separated(path)
    names = [sanitize(name.strip()) for name in header]
    odd = [name for name in names if not name or names.count(name) > 1]
    if odd:
        raise DataError(
            f"{path}: the column name {odd[0]!r} is empty or repeats", "Give each column a name of its own, in line 1."
        )
    if len(rows) * len(names) > _MOST_CELLS:
        raise DataError(f"{path} has over {_MOST_CELLS:,} cells", "Give a smaller table.")
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    cells = {name: list(values) for name, values in zip(names, columns, strict=True)}
    for name, values in cells.items():
        at = next((i for i, text in enumerate(values) if len(text) > _LONGEST), None)
        if at is not None:
            raise DataError(f"{path}: the {name} of row {at + 1} has over {_LONGEST:,} letters", "Leave it out.")
    return TableRecords(path, cells)


def _described(path: Path) -> TableRecords:
    """The table that a TOML file describes: `file`, `license`, `credit`, and the kinds of its `columns`."""
    try:
        plain = parse_toml(read_regular(path, _LARGEST_TOML), largest=_LARGEST_TOML)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}", "zoo table data.csv -o data.table.toml writes one."
        ) from None
    for key in plain:
        if key not in _KEYS:
            raise DataError(f"{path}: unknown key {key[:40]!r}", near(key, _KEYS))
    texts = {key: plain.get(key, "") for key in ("file", "license", "credit")}
    kinds: Any = plain.get("columns", {})
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(kinds, dict) or not texts["file"]:
        raise DataError(f"{path}: file, license and credit are texts, columns is a table", 'file = "data.csv"')
    data = path.parent / texts["file"]
    if data.name.lower().endswith(".table.toml"):
        raise DataError(f"{path}: its file is a description too", 'Give a table: file = "data.csv"')
    records = read_table(data)
    for name, kind in kinds.items():
        if name not in records.cells:
            raise DataError(f"{path}: {data.name} has no column {name[:40]!r}", near(name, list(records.cells)))
        if kind not in (*KINDS, SKIP):
            raise DataError(f"{path}: {name} has the kind {str(kind)[:40]!r}", f"Use {', '.join((*KINDS, SKIP))}.")
    cells = {name: values for name, values in records.cells.items() if kinds.get(name) != SKIP}
    if not cells:
        raise DataError(f"{path} skips every column")
    left = {name: kind for name, kind in kinds.items() if kind != SKIP}
    skipped = tuple(name for name in records.cells if kinds.get(name) == SKIP)
    return replace(records, cells=cells, kinds=left, license=texts["license"], credit=texts["credit"], skipped=skipped)


def _separated(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a file separated by commas, semicolons or tabs."""
    try:
        text = read_regular(path, _LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8", "Save it as CSV in UTF-8.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", f"Tables have up to {_LARGEST:,} bytes.") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(f"{path} line {reader.line_num}: {len(row)} cells, and {len(header)} columns")
            rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}", "Save it as CSV again.") from None
    if not header or not rows:
        raise DataError(f"{path} has no rows below its line of column names")
    return header, rows


def _parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a parquet file, its values as texts."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{path.name} needs pyarrow", "pip install pyarrow; or save the table as CSV.") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
        if file.metadata.num_rows * file.metadata.num_columns > _MOST_CELLS:
            raise DataError(f"{path} has over {_MOST_CELLS:,} cells", "Give a smaller table.")
        table = file.read()
        columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}", "Save it again, or as CSV.") from None
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [str(name) for name in table.column_names], rows


def _text(value: Any) -> str:
    """A value of a parquet file as a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict, bytes)):
        raise DataError(f"a cell holds a {type(value).__name__}", "Columns hold numbers, texts, dates or booleans.")
    return str(value).strip()
