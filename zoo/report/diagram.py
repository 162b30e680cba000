"""A diagram of a transfer: the autoencoder's modules on the left, every tensor of the GAN on the right, coloured by its
origin. SVG text from the rows of a report, as in a run, a manifest or `Report.plain()`. No torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo._utils.html import escape

__all__ = ["transfer_diagram"]

_COLOURS = {"copied": "#0072B2", "adapted": "#56B4E9", "fitted": "#009E73", "fresh": "#C9C9C9"}
"""Okabe and Ito (2008); fresh is grey. The counts are written beside them, so that colour is not needed."""

_MODULE = re.compile(r"(?:^|: )((?:[a-z0-9-]+/)?(?:encoder|bottleneck|decoder))\.")

_INK, _PAPER = "#1e1e1e", "#ffffff"
_WIDTH, _LEFT, _CELLS = 760, 150, 250
_ROW, _HEIGHT, _TOP = 62, 24, 26
_MOST_CELLS = 400
"""With more cells in a row, each would be narrower than a pixel: the rest is counted, not drawn."""


def transfer_diagram(rows: Iterable[Mapping[str, Any]], strategy: str = "") -> str:
    """An SVG diagram of a report's rows (`net`, `tensor`, `origin`, `state`, `how`). Frozen tensors are underlined."""
    nets: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        nets.setdefault(str(row["net"]), []).append(row)
    sources = list(dict.fromkeys(source for group in nets.values() for row in group if (source := _source(row))))
    lines = max(len(nets), len(sources), 1)
    height = _TOP + lines * _ROW + 34
    counts = "; ".join(f"{net}: {_counts(group)}" for net, group in nets.items())
    label = escape(f"What {strategy or 'the transfer'} moves. {counts}")
    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" '
        f'style="max-width:100%;height:auto;font:13px sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>',
        _text(8, 16, "autoencoder", bold=True),
        _text(_CELLS, 16, "GAN", bold=True),
    ]
    centres = {source: _TOP + (i + 0.5) * lines / len(sources) * _ROW for i, source in enumerate(sources)}
    for i, (net, group) in enumerate(nets.items()):
        y = _TOP + i * _ROW + 20
        elements += _arrows(group, centres, y + _HEIGHT / 2)
        elements += _cells(net, group, y)
    for source, centre in centres.items():
        elements.append(
            f'<rect x="8" y="{centre - 15:.0f}" width="{_LEFT - 8}" height="30" rx="5" fill="#eee" stroke="{_INK}"/>'
        )
        elements.append(_text(18, centre + 5, source))
    elements += _legend(height - 14)
    return "".join(elements) + "</svg>"


def _source(row: Mapping[str, Any]) -> str:
    """The module of the autoencoder or, as `second/encoder`, of a further source that a tensor came from; `codes` for
    a fit, or an empty string for a fresh tensor."""
    if row["origin"] == "fresh":
        return ""
    module = _MODULE.search(str(row["how"]))
    return module[1] if module else "codes"


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(str(row["origin"]) for row in rows)
    return ", ".join(f"{counts[origin]} {origin}" for origin in _COLOURS if counts[origin])


def _cells(net: str, rows: Sequence[Mapping[str, Any]], y: float) -> list[str]:
    elements = [_text(_CELLS, y - 6, f"{net}: {_counts(rows)}")]
    step = min(26.0, (_WIDTH - _CELLS - 8) / max(1, min(len(rows), _MOST_CELLS)))
    width = step - (1.0 if step > 4 else 0.0)
    for i, row in enumerate(rows[:_MOST_CELLS]):
        x, colour = _CELLS + i * step, _COLOURS.get(str(row["origin"]), _COLOURS["fresh"])
        tip = escape(f"{row['tensor']}: {row['origin']}, {row['state']}. {row['how']}")
        elements.append(
            f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{_HEIGHT}" fill="{colour}">'
            f"<title>{tip}</title></rect>"
        )
        if row["state"] == "frozen":
            elements.append(f'<rect x="{x:.1f}" y="{y + _HEIGHT:.0f}" width="{width:.1f}" height="4" fill="{_INK}"/>')
    return elements


def _arrows(rows: Sequence[Mapping[str, Any]], centres: Mapping[str, float], y: float) -> list[str]:
    """An arrow from each source of the net's tensors, in the colour of their most frequent origin."""
    origins: dict[str, Counter[str]] = {}
    for row in rows:
        if source := _source(row):
            origins.setdefault(source, Counter())[str(row["origin"])] += 1
    elements = []
    for source, counts in origins.items():
        colour, start, end = _COLOURS.get(counts.most_common(1)[0][0], _INK), centres[source], y
        path = f"M{_LEFT} {start:.0f} C{_LEFT + 50} {start:.0f} {_CELLS - 58} {end:.0f} {_CELLS - 10} {end:.0f}"
        elements.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="3"/>')
        tip = f"M{_CELLS - 4} {end:.0f} l-9 -6 v12 z"
        elements.append(f'<path d="{tip}" fill="{colour}"/>')
    return elements


def _legend(y: float) -> list[str]:
    elements, x = [], 8
    for origin, colour in _COLOURS.items():
        elements.append(f'<rect x="{x}" y="{y - 10:.0f}" width="14" height="12" fill="{colour}"/>')
        elements.append(_text(x + 20, y, origin))
        x += 90
    elements.append(f'<rect x="{x}" y="{y:.0f}" width="14" height="4" fill="{_INK}"/>')
    elements.append(_text(x + 20, y, "frozen"))
    return elements


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{_INK}"{weight}>{escape(text)}</text>'
