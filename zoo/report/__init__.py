"""Pictures and pages made from measured facts. Drawing libraries are imported when something is drawn."""

from __future__ import annotations

from zoo.report.card import card
from zoo.report.curves import curve
from zoo.report.grids import grid, labelled_grids, png_bytes

__all__ = ["card", "curve", "grid", "labelled_grids", "png_bytes"]
