"""The columns of a file for people, and as the file that a user edits."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.plugin import ConfigError, DataError, sanitize
from zoo_tables.columns import describe
from zoo_tables.fitting import fit_column, guess_kinds
from zoo_tables.reading import SKIP, TableRecords, read_table

__all__ = ["Described", "describe_columns", "description"]


@dataclass(frozen=True, slots=True)
class Described:
    """A column: its kind, or `skip`, and its values or the reason in a few words."""

    name: str
    kind: str
    values: str


def describe_columns(file: Path) -> tuple[list[Described], TableRecords]:
    """The columns of a file, and its cells. Raises DataError for a file that cannot be read."""
    records = read_table(file)
    described = []
    for guess in guess_kinds(records):
        kind, values = guess.kind, guess.problem
        if not values:
            try:
                values = describe(fit_column(guess, records, range(len(records))))
            except (ConfigError, DataError) as error:
                values = error.message
                kind = SKIP
        described.append(Described(guess.name, SKIP if guess.problem else kind, values))
    return described, records


def description(file: Path, out: Path, columns: Sequence[Described], records: TableRecords) -> bytes:
    """The TOML that describes a table, for `out`. Raises ConfigError for another ending than .table.toml."""
    if not out.name.lower().endswith(".table.toml"):
        raise ConfigError(f"{out.name} does not end in .table.toml", f"For example -o {file.stem}.table.toml")
    lines = [
        f"file = {_quoted(Path(os.path.relpath(str(records.path), str(out.parent))).as_posix())}",
        f"license = {_quoted(records.license)}  # an SPDX expression, such as CC0-1.0",
        f"credit = {_quoted(records.credit)}",
        "",
        "# continuous, integer, date, time, category, boolean, or skip",
        "[columns]",
        *(f"{_quoted(one.name)} = {_quoted(one.kind)}  # {sanitize(one.values)}" for one in columns),
        *(f"{_quoted(name)} = {_quoted(SKIP)}" for name in records.skipped),
        "",
    ]
    return "\n".join(lines).encode()


def _quoted(text: str) -> str:
    """A TOML string: JSON escapes all that TOML forbids."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
