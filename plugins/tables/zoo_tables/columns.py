"""The columns of a table, and how their values become numbers: plain data, without torch.

A row is a vector of blocks, one or two for each column. A number (continuous, integer, date) is one value, by its rank
among the rows that were learnt: z = Phi^-1(rank), about N(0, 1). A category or boolean has one value for each category,
1 for the row's own. A number that may be missing has two more: present, missing.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from zoo.plugin import ConfigError

__all__ = ["KINDS", "MISSING", "NUMBERS", "Block", "Column", "ColumnKind", "TableConfig", "blocks_of"]

ColumnKind = Literal["continuous", "integer", "date", "time", "category", "boolean"]
KINDS: tuple[str, ...] = ("continuous", "integer", "date", "time", "category", "boolean")
NUMBERS = frozenset({"continuous", "integer", "date", "time"})
"""Kinds with an order, whose values are floats: days (date) or seconds (time) since 1970-01-01."""
MISSING = ""
"""The category of a missing value, and how it is written."""

_MOST_COLUMNS = 500
_MOST_CATEGORIES = 1_000
_MOST_QUANTILES = 1_025
_MOST_TEXT = 100
_LARGEST = 120_000


class Block(NamedTuple):
    """The values from `start` on, `width` of them, of the column with that number: one `number`, or a `choice` of
    shares that add up to 1."""

    column: int
    kind: Literal["number", "choice"]
    start: int
    width: int


@dataclass(frozen=True)
class Column:
    """A column. Of a number, `quantiles` are values at evenly spaced ranks, ascending (see `ranks`), rounded to
    `decimals`; `missing` says that values may be absent. Of a category or boolean, `categories` are its values; the
    empty one means missing. Raises ConfigError for what does not go together."""

    name: str
    kind: ColumnKind
    quantiles: tuple[float, ...] = ()
    decimals: int = 0
    missing: bool = False
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > _MOST_TEXT:
            raise ConfigError(f"column {self.name[:40]!r} has no name of 1 to {_MOST_TEXT} letters")
        if self.kind not in KINDS:
            raise ConfigError(f"column {self.name!r} has the unknown kind {self.kind!r}", f"Use {', '.join(KINDS)}.")
        if self.kind in NUMBERS:
            self._check_number()
        elif (
            not 2 <= len(self.categories) <= _MOST_CATEGORIES
            or len(set(self.categories)) != len(self.categories)
            or any(len(name) > _MOST_TEXT for name in self.categories)
            or self.quantiles
            or self.missing
        ):
            raise ConfigError(f"column {self.name!r} has no 2 to {_MOST_CATEGORIES:,} different categories alone")

    def _check_number(self) -> None:
        values = self.quantiles
        ascending = all(a <= b for a, b in pairwise(values))
        if (
            not 2 <= len(values) <= _MOST_QUANTILES
            or not all(math.isfinite(value) and abs(value) < 1e300 for value in values)
            or not ascending
            or values[0] == values[-1]
            or not -12 <= self.decimals <= 12
            or self.categories
        ):
            raise ConfigError(f"column {self.name!r} has no 2 to {_MOST_QUANTILES:,} ascending quantiles alone")

    @property
    def width(self) -> int:
        """How many values of a sample it takes."""
        return 1 + 2 * self.missing if self.kind in NUMBERS else len(self.categories)


@dataclass(frozen=True)
class TableConfig:
    """The columns of a table, in their order, with what was fitted to the rows to learn from: no row, no category of
    fewer than 5 rows, and of numbers neither the 4 lowest nor the 4 highest. Raises ConfigError for columns that repeat
    or are too many."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if not 1 <= len(names) <= _MOST_COLUMNS:
            raise ConfigError(f"a table of {len(names)} columns cannot be learnt", f"1 to {_MOST_COLUMNS} can.")
        if len(set(names)) != len(names):
            raise ConfigError("the names of a table's columns repeat")
        size = len(json.dumps(asdict(self)))
        if size > _LARGEST:
            raise ConfigError(
                f"the columns take {size:,} bytes to describe, more than {_LARGEST:,}", "Skip some, or some categories."
            )

    @property
    def width(self) -> int:
        """How many values a row becomes."""
        return sum(column.width for column in self.columns)

    def facts(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """A header and a row of texts for each column."""
        return ("column", "kind", "values"), [(column.name, column.kind, describe(column)) for column in self.columns]


def describe(column: Column) -> str:
    """The values of a column in a few words."""
    from zoo_tables.texts import write_number

    if column.kind in NUMBERS:
        low, middle, high = (write_number(column, column.quantiles[at]) for at in (0, len(column.quantiles) // 2, -1))
        return f"{low} to {high}, middle {middle}" + ("; may be missing" if column.missing else "")
    named = [name for name in column.categories if name != MISSING]
    shown = ", ".join(named[:8]) + (f", ... ({len(named)} in all)" if len(named) > 8 else "")
    return shown + ("; may be missing" if MISSING in column.categories else "")


def blocks_of(config: TableConfig) -> list[Block]:
    """The blocks of a row, in their order."""
    blocks: list[Block] = []
    at = 0
    for number, column in enumerate(config.columns):
        if column.kind in NUMBERS:
            blocks.append(Block(number, "number", at, 1))
            if column.missing:
                blocks.append(Block(number, "choice", at + 1, 2))
        else:
            blocks.append(Block(number, "choice", at, len(column.categories)))
        at += column.width
    return blocks
