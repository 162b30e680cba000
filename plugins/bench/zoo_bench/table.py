"""The results of a suite as one tidy table: a row per run, count of images shown and metric (torch-free)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from zoo.plugin import DataError

__all__ = ["Row", "read_table", "write_table"]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one run at one count of images shown.

    `settings` are the tuned ones, as JSON; `cpu_seconds` and `wall_seconds` what training had taken when it was
    measured, without the measuring, fitting a prior included; `source_*` what the autoencoder took, empty if that is
    not known (a release). `recipe` is the sha256 of the run's recipe, which is stored next to the table.
    """

    stage: str
    data: str
    architecture: str
    arm: str
    strategy: str
    autoencoder: str
    autoencoder_seed: int | None
    seed: int
    trial: int | None
    settings: str
    status: str
    images: int
    metric: str
    value: float
    low: float | None
    high: float | None
    floor: float | None
    n: int
    reference: int
    extractor: str
    cpu_seconds: float
    wall_seconds: float
    source_images: int | None
    source_cpu_seconds: float | None
    source_wall_seconds: float | None
    recipe: str

    @property
    def tuned(self) -> dict[str, Any]:
        """The tuned settings."""
        return dict(json.loads(self.settings or "{}"))


_NUMBERS = {field.name: str(field.type) for field in fields(Row)}


def write_table(rows: Iterable[Row]) -> bytes:
    """The rows as CSV; numbers with up to eight digits, None as nothing."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_NUMBERS)
    for row in rows:
        writer.writerow([_text(getattr(row, name)) for name in _NUMBERS])
    return buffer.getvalue().encode()


def read_table(path: Path) -> list[Row]:
    """The rows of a table. Raises DataError if it is missing or not such a table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Row(**_parsed(row)) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a table of results: {error}", "Make one: zoo bench SUITE.toml") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _parsed(row: Mapping[str, str]) -> dict[str, Any]:
    return {name: _value(row[name], kind) for name, kind in _NUMBERS.items()}


def _value(text: str, kind: str) -> Any:
    if text == "" and "None" in kind:
        return None
    if kind.startswith("int"):
        return int(text)
    return float(text) if kind.startswith("float") else text
