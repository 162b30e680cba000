"""Values as texts: what a cell of a file says, and how a value is written."""

from __future__ import annotations

import datetime
import math
import re

from zoo_tables.columns import Column

__all__ = ["ABSENT", "decimals_of", "read_number", "write_number"]

ABSENT = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})
"""Cells that mean a missing value."""

_EPOCH = datetime.date(1970, 1, 1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_FIRST, _LAST = datetime.date.min.toordinal() - _EPOCH.toordinal(), datetime.date.max.toordinal() - _EPOCH.toordinal()
_DAY = 86_400
_MOST_DECIMALS = 12


def read_number(kind: str, text: str) -> float | None:
    """The value of a cell of a column of numbers of that kind; None if it is none. Infinities are numbers here."""
    if kind == "date":
        try:
            return float((datetime.date.fromisoformat(text) - _EPOCH).days) if _DATE.fullmatch(text) else None
        except ValueError:
            return None
    if kind == "time":
        try:
            when = datetime.datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        except ValueError:
            return None
        return None if when is None else (when - datetime.datetime(1970, 1, 1)).total_seconds()
    if _NUMBER.fullmatch(text):
        return float(text)
    return math.inf if text.lower().lstrip("+-") in ("inf", "infinity") else None


def write_number(column: Column, value: float) -> str:
    """A value as a cell, rounded as the column's values are."""
    if column.kind == "date":
        day = min(max(round(value), _FIRST), _LAST)
        return datetime.date.fromordinal(day + _EPOCH.toordinal()).isoformat()
    if column.kind == "time":
        second = min(max(round(value), _FIRST * _DAY), _LAST * _DAY)
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)).isoformat()
    rounded = round(value, column.decimals) + 0.0  # no -0
    return f"{rounded:.{max(column.decimals, 0)}f}"


def decimals_of(text: str) -> int:
    """How many digits after the point a number's text has, at most 12; those of an exponent count too."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2].rstrip("0")) - int(exponent or 0)
    return min(max(digits, 0), _MOST_DECIMALS)
