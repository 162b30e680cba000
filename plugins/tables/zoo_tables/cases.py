"""Small tables for the conformance checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.plugin import Case, DataSpec, PartSpec

__all__ = ["networks", "objectives", "tables", "write_table"]

_COLUMNS: dict[str, Any] = {
    "columns": [
        {"name": "size", "kind": "continuous", "quantiles": [0.1, 0.5, 0.5, 2.0, 9.5], "decimals": 1},
        {"name": "count", "kind": "integer", "quantiles": [0.0, 3.0, 40.0], "missing": True},
        {"name": "day", "kind": "date", "quantiles": [19000.0, 19100.0, 19200.0]},
        {"name": "colour", "kind": "category", "categories": ["blue", "green", "red", ""]},
        {"name": "sold", "kind": "boolean", "categories": ["no", "yes"]},
    ]
}
_NUMBERS: dict[str, Any] = {
    "columns": [{"name": name, "kind": "continuous", "quantiles": [-1.0, 0.0, 2.0], "decimals": 2} for name in "ab"]
}
_ROWS = (
    DataSpec((11,), bounded=False, kind="vector", modality=PartSpec("tables/table", _COLUMNS)),
    DataSpec((2,), bounded=False, kind="vector", modality=PartSpec("tables/table", _NUMBERS)),
)


def tables() -> Iterable[Case]:
    """Columns of every kind, and numbers alone."""
    for columns in (_COLUMNS, _NUMBERS):
        yield Case(columns, files="zoo_tables.cases:write_table")


def networks() -> Iterable[Case]:
    """Rows of both tables."""
    for data in _ROWS:
        yield Case({"widths": [8, 6]}, data)


def objectives() -> Iterable[Case]:
    """With and without hidden columns."""
    yield Case({}, _ROWS[0])
    yield Case({"hidden": 0.3, "noise": 0.1}, _ROWS[1])


def write_table(folder: Path) -> Path:
    """A table of 60 rows with every kind of column, some cells missing."""
    path = folder / "sold.csv"
    lines = ["size,count,day,when,colour,sold"]
    for row in range(60):
        count = "" if row % 7 == 0 else str(row * row % 41)
        colour = "" if row % 11 == 0 else ("blue", "green", "red")[row % 3]
        day = f"2022-{1 + row % 12:02d}-{1 + row % 28:02d}"
        sold = "yes" if row % 4 else "no"
        lines.append(f"{row * 7 % 95 / 10},{count},{day},{day}T{row % 24:02d}:30:00,{colour},{sold}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
