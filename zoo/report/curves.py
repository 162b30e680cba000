"""Line charts of a metric over images or seconds, readable in print, in grey and by the colour-blind."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from zoo.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Points", "curve"]

Points = Sequence[tuple[float, float] | tuple[float, float, float, float]]

# Okabe and Ito (2008), without yellow, which is hard to see on white; dashes distinguish lines without colour
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LABEL_SIZE = 10
_LONGEST_LABEL = 40
_INK = "#1e1e1e"


def curve(series: Mapping[str, Points], *, xlabel: str, ylabel: str, title: str, log: bool = True) -> bytes:
    """A chart with one line per label, as PNG bytes; the same points give the same bytes.

    Points are (x, y) or (x, y, low, high); low and high are drawn as a band. Each line's label is beside its end.
    `log` makes the y axis logarithmic if all y are positive. Raises DataError if a line has no points.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    if not series or any(not points for points in series.values()):
        raise DataError("there is nothing to draw", "Give every line at least one point.")
    figure = Figure(figsize=(8, 4.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(_literal(xlabel))
    axes.set_title(_literal(title), loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    for i, points in enumerate(series.values()):
        _draw(axes, points, i)
    if log and all(min(point[1:]) > 0 for points in series.values() for point in points):
        axes.set_yscale("log")
        _plain_ticks(axes)
    axes.set_ylabel(_literal(ylabel))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if len(positions := {point[0] for points in series.values() for point in points}) == 1:
        axes.set_xticks([*positions])  # around a single x matplotlib would place ticks at thousandths
    axes.grid(True, which="major", color="#dddddd", linewidth=0.7)
    _label_ends(figure, axes, series)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Axes, points: Points, i: int) -> None:
    ordered = sorted(points)
    x, y = [point[0] for point in ordered], [point[1] for point in ordered]
    axes.plot(x, y, markevery=max(1, len(x) // 12), **_style(i))
    banded = [point for point in ordered if len(point) == 4]
    if banded:
        xs, _, low, high = zip(*banded, strict=True)
        axes.fill_between(xs, low, high, color=_style(i)["color"], alpha=0.15, linewidth=0)


def _plain_ticks(axes: Axes) -> None:
    """Label a logarithmic axis with plain numbers (0.02), also between powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axes.get_ylim()
    decades = high / low
    subs = (1.0, 2.0, 5.0) if decades > 8 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs if decades < 1e4 else (1.0,)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _label_ends(figure: Figure, axes: Axes, series: Mapping[str, Points]) -> None:
    """Labels with a sample of their line, at the height of its end, moved apart if they would touch."""
    figure.canvas.draw()
    pixels = _LABEL_SIZE * figure.dpi / 72
    ends = []
    for i, (label, points) in enumerate(series.items()):
        x, y = max(points)[:2]
        ends.append((float(axes.transData.transform((x, y))[1]), i, _literal(_short(label))))
    ends.sort()
    # labels that would touch form a group centred on its lines' ends, so that each stays close to its own end
    groups: list[list[int]] = [[k] for k in range(len(ends))]

    def spread(group: list[int]) -> list[float]:
        centre = sum(ends[k][0] for k in group) / len(group)
        return [centre + (j - (len(group) - 1) / 2) * 1.35 * pixels for j in range(len(group))]

    while True:
        gaps = [spread(above)[0] - spread(below)[-1] for below, above in pairwise(groups)]
        close = next((k for k, gap in enumerate(gaps) if gap < 1.35 * pixels), None)
        if close is None:
            break
        groups[close : close + 2] = [groups[close] + groups[close + 1]]
    bottom, top = axes.transAxes.transform([(0, 0), (0, 1)])[:, 1]
    for group in groups:
        for k, y in zip(group, spread(group), strict=True):
            _, i, label = ends[k]
            height = (y - bottom) / (top - bottom)
            beside = axes.transAxes
            axes.plot([1.015, 1.055], [height] * 2, markevery=[1], transform=beside, clip_on=False, **_style(i))
            axes.text(1.068, height, label, transform=beside, va="center", fontsize=_LABEL_SIZE, color=_INK)


def _style(i: int) -> dict[str, Any]:
    """Colour, dash and marker of line number i."""
    return {
        "color": _COLOURS[i % len(_COLOURS)],
        "linestyle": _DASHES[i % len(_DASHES)],
        "marker": _MARKERS[i % len(_MARKERS)],
        "markersize": 4,
        "linewidth": 1.8,
    }


def _short(label: str) -> str:
    """Cut the middle out of a long label, which leaves the chart no room; names of runs differ at their ends."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[:18]}...{label[-18:]}"


def _literal(text: str) -> str:
    """Escape dollar signs, which would start a formula."""
    return text.replace("$", r"\$")
