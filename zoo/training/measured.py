"""What was measured along a run."""

from __future__ import annotations

from zoo.html import table
from zoo.specs import Metric

__all__ = ["Measured"]


class Measured(dict[int, tuple[Metric, ...]]):
    """Figures by images shown; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        head = ("images shown", "figure", "value", "95 % interval", "floor", "on", "n")
        rows = [(f"{shown:,}", *_cells(one)) for shown, figures in self.items() for one in figures]
        return table(head, rows, "Lower is better; the floor is real images against real ones.")


def _cells(one: Metric) -> tuple[object, ...]:
    interval = f"{one.interval[0]:.4g} to {one.interval[1]:.4g}" if one.interval else ""
    floor = "" if one.floor is None else f"{one.floor:.4g}"
    return one.name, f"{one.value:.4g}", interval, floor, f"{one.data}, {one.split}", one.n
