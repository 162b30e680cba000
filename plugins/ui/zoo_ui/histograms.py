"""Histograms of several lists of figures in one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.plugin import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["histograms"]

_LINES = (("#0072B2", "-"), ("#D55E00", "--"))
"""Colours of Okabe and Ito (2008); dashes tell lines apart without colour."""


def histograms(
    values: Mapping[str, Sequence[float]], marks: Mapping[str, float], *, xlabel: str, title: str
) -> Image.Image:
    """At most two histograms of `values` by label, outlined, and a labelled line at each of `marks`. Raises DataError
    for one without values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    if not all(values.values()):
        raise DataError("there is nothing to draw", "Give every histogram at least one figure.")
    figure = Figure(figsize=(8, 3.6), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(_literal(xlabel))
    axes.set_title(_literal(title), loc="left", fontsize=12)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([])
    everything = [value for one in values.values() for value in one] + list(marks.values())
    low, high = min(everything), max(everything)
    edges = [low + (high - low or 1.0) * i / 40 for i in range(41)]
    for (label, one), (colour, dash) in zip(values.items(), _LINES, strict=False):
        outline: dict[str, Any] = {"histtype": "step", "linewidth": 2, "color": colour, "linestyle": dash}
        axes.hist(one, bins=edges, density=True, label=_literal(label), **outline)
    for label, at in marks.items():
        axes.axvline(at, color="#1e1e1e", linewidth=2)
        axes.annotate(_literal(f" {label}"), (at, 0.98), xycoords=("data", "axes fraction"), va="top")
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None})
    with Image.open(buffer) as picture:
        return picture.convert("RGB")


def _literal(text: str) -> str:
    """A dollar sign would start a formula."""
    return text.replace("$", r"\$")
