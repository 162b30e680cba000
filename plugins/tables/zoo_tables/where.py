"""Conditions on rows, such as `cut=Ideal` and `price>=1000`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.plugin import ConfigError, near
from zoo_tables.columns import MISSING, NUMBERS, TableConfig
from zoo_tables.texts import ABSENT, read_number, write_number

__all__ = ["RowCondition", "parse_condition"]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_EXAMPLE = "For example --where 'cut=Ideal' or --where 'price>=1000'."


@dataclass(frozen=True, slots=True)
class RowCondition:
    """A condition on the column with that number: its cell compared with `value`, as numbers or, of categories, as
    texts. A missing number satisfies `=` and `!=` alone."""

    number: int
    kind: str
    comparison: str
    value: str | float

    def fits(self, cells: Sequence[str]) -> list[bool]:
        """Which of a column's cells satisfy it."""
        compare = _COMPARISONS[self.comparison]
        if isinstance(self.value, str):
            return [compare(cell, self.value) for cell in cells]
        absent = self.comparison == "!="
        values = [None if cell in ABSENT else read_number(self.kind, cell) for cell in cells]
        return [absent if value is None else compare(value, self.value) for value in values]


def parse_condition(config: TableConfig, text: str) -> RowCondition:
    """The condition that a text such as `cut=Ideal` states. Raises ConfigError for a column, comparison or value that
    there is not."""
    names = [column.name for column in config.columns]
    splits = [(text[:at], sign, text[at + len(sign) :]) for sign in _COMPARISONS if (at := text.find(sign)) > 0]
    if not splits:
        raise ConfigError(f"--where {text[:80]!r} is no condition", _EXAMPLE)
    name, sign, value = min(splits, key=lambda parts: (len(parts[0]), -len(parts[1])))
    name, value = name.strip(), value.strip()
    if name not in names:
        raise ConfigError(f"--where {text[:80]!r}: there is no column {name[:40]!r}", near(name, names))
    number = names.index(name)
    column = config.columns[number]
    if column.kind not in NUMBERS or (value == MISSING and column.missing):
        if sign not in ("=", "!="):
            raise ConfigError(f"--where {text[:80]!r}: {name} has no order", "Use = or !=.")
        if column.kind not in NUMBERS and value not in column.categories:
            raise ConfigError(f"--where {text[:80]!r}: {name} is never {value[:40]!r}", near(value, column.categories))
        return RowCondition(number, column.kind, sign, value)
    parsed = read_number(column.kind, value)
    if parsed is None:
        raise ConfigError(f"--where {text[:80]!r}: {value[:40]!r} is no value of {name} ({column.kind})", _EXAMPLE)
    low, high = column.quantiles[0], column.quantiles[-1]
    if (sign in (">", ">=", "=") and parsed > high) or (sign in ("<", "<=", "=") and parsed < low):
        known = f"{write_number(column, low)} to {write_number(column, high)}"
        raise ConfigError(f"--where {text[:80]!r}: {name} is {known} in what was learnt", _EXAMPLE)
    return RowCondition(number, column.kind, sign, parsed)
