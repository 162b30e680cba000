"""Line charts for a terminal, in braille dots. Each line is labelled at its end, so that colour is not needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.text import Text

from zoo.errors import DataError

__all__ = ["plot"]

_COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_AXIS = 9
_ROWS = 14
_LEAST_COLUMNS = 20


def plot(series: Mapping[str, Sequence[tuple[float, float]]], *, xlabel: str, ylabel: str, width: int = 100) -> Text:
    """A chart with a line per label through its (x, y) points, at most `width` columns wide. The y axis is logarithmic
    if all y are positive and span more than a factor of ten. NaN and infinite y are left out. Raises DataError if no
    point is left."""
    lines = {label: sorted((x, y) for x, y in points if math.isfinite(y)) for label, points in series.items()}
    points = [point for line in lines.values() for point in line]
    if not points:
        raise DataError("there is nothing to draw", "Give every line at least one point.")
    ys = [y for _, y in points]
    log = min(ys) > 0 and max(ys) / min(ys) > 10
    scale = math.log10 if log else float
    low, high = scale(min(ys)), scale(max(ys))
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    names = max(map(len, lines))
    columns = max(_LEAST_COLUMNS, width - _AXIS - names - 3)
    canvas = _Canvas(columns, _ROWS)

    def place(point: tuple[float, float]) -> tuple[int, int]:
        x = (point[0] - left) / ((right - left) or 1) * (2 * columns - 1)
        y = (scale(point[1]) - low) / ((high - low) or 1) * (4 * _ROWS - 1)
        return round(x), 4 * _ROWS - 1 - round(y)

    for i, line in enumerate(lines.values()):
        canvas.line([place(point) for point in line], _COLOURS[i % len(_COLOURS)])
    ends = {label: place(line[-1])[1] // 4 for label, line in lines.items() if line}
    labels = _distinct_rows(ends, _ROWS)
    value = {row: high - (high - low) * row / (_ROWS - 1) for row in (0, _ROWS // 2, _ROWS - 1)}
    text = Text(f"{'':>{_AXIS}} {ylabel}{' (logarithmic)' if log else ''}\n")
    for row in range(_ROWS):
        shown = _number(10 ** value[row] if log else value[row]) if row in value else ""
        text.append(f"{shown:>{_AXIS}} │")
        text.append_text(canvas.row(row))
        for i, label in enumerate(lines):
            if labels.get(label) == row:
                text.append(f" {label}", style=_COLOURS[i % len(_COLOURS)])
        text.append("\n")
    text.append(f"{'':>{_AXIS}} └{'─' * columns}\n")
    first, last = _number(left), f"{_number(right)} {xlabel}"
    text.append(f"{'':>{_AXIS + 2}}{first}{last:>{max(1, columns - len(first))}}\n")
    return text


class _Canvas:
    """A grid of characters of two by four dots, each in the colour of the last line through it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.dots = [[0] * columns for _ in range(rows)]
        self.colours = [[""] * columns for _ in range(rows)]

    def line(self, points: Sequence[tuple[int, int]], colour: str) -> None:
        """Draw straight segments between the points; a single point is a dot."""
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[-1]] if points else [], strict=True):
            steps = max(abs(x1 - x0), abs(y1 - y0), 1)
            for step in range(steps + 1):
                self._dot(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps), colour)

    def row(self, row: int) -> Text:
        """One row of characters."""
        text = Text()
        for dots, colour in zip(self.dots[row], self.colours[row], strict=True):
            text.append(chr(_BLANK + dots) if dots else " ", style=colour or None)
        return text

    def _dot(self, x: int, y: int, colour: str) -> None:
        self.dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self.colours[y // 4][x // 2] = colour


def _distinct_rows(rows: Mapping[str, int], high: int) -> dict[str, int]:
    """A row of its own for each label, as near to its line as possible."""
    placed: dict[str, int] = {}
    for label, row in sorted(rows.items(), key=lambda item: item[1]):
        free = [other for other in range(high) if other not in placed.values()]
        if free:
            placed[label] = min(free, key=lambda other: abs(other - row))
    return placed


def _number(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
