"""From cells to columns: the kind of each column, and what is fitted to the rows to learn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.plugin import DataError
from zoo_tables.columns import MISSING, NUMBERS, Column, TableConfig
from zoo_tables.ranks import ranks
from zoo_tables.reading import TableRecords
from zoo_tables.texts import ABSENT, decimals_of, read_number

__all__ = ["OTHER", "Guess", "fit_column", "fit_table", "guess_kinds"]

OTHER = "(other)"
"""The category of rare values, and of those that no row to learn from has."""

_RARE = 5
"""A category of fewer rows is not named: it could point at a person."""
_MOST_CATEGORIES = 200
_FEW = 20
_NEARLY_ALL = 0.95
_MOSTLY = 0.9
_TRUE = (("true", "false"), ("yes", "no"), ("0", "1"), ("t", "f"), ("y", "n"))
_QUANTILES = 4_096


@dataclass(frozen=True, slots=True)
class Guess:
    """The kind of a column by its cells, or why it has none: `problem`, empty if there is none."""

    name: str
    kind: str
    problem: str = ""


def guess_kinds(records: TableRecords) -> list[Guess]:
    """The kind of each column: the user's, or else what its cells say."""
    return [_guess(name, cells, records.kinds.get(name)) for name, cells in records.cells.items()]


def fit_table(records: TableRecords, rows: Sequence[int]) -> TableConfig:
    """The columns, fitted to those rows. Raises DataError that names every column that cannot be learnt, and why."""
    guesses = guess_kinds(records)
    problems = [f"{guess.name} {guess.problem}" for guess in guesses if guess.problem]
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise DataError(
            f"{records.file}: {shown}",
            f"zoo table {records.file} -o my.table.toml writes a description that skips them; edit it, and give that "
            "as the data.",
        )
    numbers = sum(guess.kind in NUMBERS for guess in guesses)
    count = min(513, max(17, _QUANTILES // max(numbers, 1))) | 1
    return TableConfig(tuple(fit_column(guess, records, rows, count) for guess in guesses))


def fit_column(guess: Guess, records: TableRecords, rows: Sequence[int], quantiles: int = 17) -> Column:
    """A column of that kind, fitted to those rows. Raises DataError if they have one value alone."""
    cells = records.cells[guess.name]
    if guess.kind in NUMBERS:
        return _fit_number(guess, cells, rows, quantiles)
    return _fit_categories(guess, cells, rows)


def _guess(name: str, cells: Sequence[str], given: str | None) -> Guess:
    counts = Counter(cells)
    present = {text: n for text, n in counts.items() if text not in ABSENT}
    total = sum(present.values())
    if len(present) < 2:
        what = "is empty" if not present else f"is constant ({next(iter(present))[:40]!r})"
        return Guess(name, given or "category", what)
    if given is not None:
        return Guess(name, given, _problem_of_given(given, present))
    if _is_boolean(present):
        return Guess(name, "boolean")
    for kind in ("date", "time"):
        if all(read_number(kind, text) is not None for text in present):
            return Guess(name, kind)
    unread = {text: n for text, n in present.items() if read_number("continuous", text) is None}
    if not unread:
        kind = "integer" if all(decimals_of(text) == 0 for text in present) else "continuous"
        return Guess(name, kind, _problem_of_numbers(kind, present, total))
    if sum(unread.values()) <= (1 - _MOSTLY) * total and len(present) > _FEW:
        cell, row = next(iter(unread)), cells.index(next(iter(unread))) + 1
        return Guess(name, "category", f"has numbers, and {cell[:40]!r} in row {row}: clear such cells")
    return Guess(name, "category", _problem_of_texts(present, total))


def _is_boolean(present: dict[str, int]) -> bool:
    return len(present) == 2 and any({text.lower() for text in present} == set(pair) for pair in _TRUE)


def _problem_of_given(kind: str, present: dict[str, int]) -> str:
    if kind in NUMBERS:
        for text in present:
            value = read_number(kind, text)
            if value is None or not math.isfinite(value):
                return f"is to be {kind}, and has the cell {text[:40]!r}"
    if kind == "boolean" and len(present) > 2:
        return f"is to be boolean, and has {len(present):,} values"
    return ""


def _problem_of_numbers(kind: str, present: dict[str, int], total: int) -> str:
    values = [float(text) for text in present]
    if not all(map(math.isfinite, values)):
        return "has infinite values"
    if max(map(abs, values)) > 1e15:
        return "has numbers beyond 1e15"
    if kind == "integer" and len(present) == total >= _FEW and max(values) - min(values) == total - 1:
        return "numbers the rows: it is a key"
    if len(set(values)) < 2:
        return f"is constant ({next(iter(present))[:40]!r})"
    return ""


def _problem_of_texts(present: dict[str, int], total: int) -> str:
    if total >= _FEW and len(present) > _NEARLY_ALL * total:
        words = sum(len(text.split()) for text in present) / len(present)
        return "is free text" if words >= 3 else "has another value in nearly every row: it is a key"
    if len(present) > _MOST_CATEGORIES:
        return f"has {len(present):,} categories (say category to keep the {_MOST_CATEGORIES} most frequent)"
    return ""


def _fit_number(guess: Guess, cells: Sequence[str], rows: Sequence[int], count: int) -> Column:
    """The quantiles, without the lowest and the highest values, which could point at a person."""
    values = [read_number(guess.kind, cells[row]) for row in rows if cells[row] not in ABSENT]
    known = np.sort(np.array([value for value in values if value is not None]))
    decimals = max((decimals_of(text) for text in set(cells) - ABSENT), default=0) if guess.kind == "continuous" else 0
    if len(known) < 2 or known[0] == known[-1]:
        raise DataError(f"{guess.name} has one value alone in the rows to learn from", "Skip the column.")
    cut = min(_RARE - 1, len(known) // 50)
    inner = known[cut : len(known) - cut]
    inner = known if inner[0] == inner[-1] else inner
    quantiles = np.round(np.quantile(inner, ranks(min(count, max(2, len(inner) | 1)))), decimals)
    if quantiles[0] == quantiles[-1]:
        quantiles[0], quantiles[-1] = inner[0], inner[-1]
    missing = any(text in ABSENT for text in cells)
    return Column(guess.name, guess.kind, tuple(quantiles.tolist()), decimals, missing)  # type: ignore[arg-type]


def _fit_categories(guess: Guess, cells: Sequence[str], rows: Sequence[int]) -> Column:
    """The categories that enough rows have, ascending; the others are one."""
    texts = [MISSING if text in ABSENT else text for text in cells]
    counts = Counter(texts[row] for row in rows)
    rare = 1 if guess.kind == "boolean" else _RARE
    kept = [text for text, n in counts.most_common(_MOST_CATEGORIES - 1) if n >= rare and len(text) <= 100]
    kept = sorted(text for text in kept if text not in (MISSING, OTHER))
    rest = set(texts) - set(kept) - {MISSING}
    categories = [*kept, *([OTHER] if rest else []), *([MISSING] if MISSING in set(texts) else [])]
    if len(categories) < 2:
        raise DataError(f"{guess.name} has one value alone in the rows to learn from", "Skip the column.")
    return Column(guess.name, guess.kind, categories=tuple(categories))  # type: ignore[arg-type]
