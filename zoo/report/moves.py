"""What a transfer moves, drawn: the source's parts at the left, every tensor of the GAN at the right, in its origin's
colour. SVG text from the rows of a report, as a run, a manifest or `Report.plain()` has them. No torch."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["moves"]

_COLOURS = {"copied": "#0072B2", "adapted": "#56B4E9", "fitted": "#009E73", "fresh": "#C9C9C9"}
"""Okabe and Ito (2008); fresh is grey. Counts stand in words beside them, for those who see no colours."""

_INK, _PAPER = "#1e1e1e", "#ffffff"
_WIDTH, _LEFT, _CELLS = 760, 150, 250
_ROW, _HIGH, _TOP = 62, 24, 26
_MOST = 400
"""A row of more cells than this would be thinner than a pixel each: the rest is counted, not drawn."""


def moves(rows: Iterable[Mapping[str, Any]], strategy: str = "") -> str:
    """An SVG picture of a report's rows (`net`, `tensor`, `origin`, `state`, `how`). Frozen tensors are underlined."""
    nets: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        nets.setdefault(str(row["net"]), []).append(row)
    sources = list(dict.fromkeys(part for held in nets.values() for row in held if (part := _source(row))))
    lines = max(len(nets), len(sources), 1)
    height = _TOP + lines * _ROW + 34
    told = "; ".join(f"{net}: {_counted(held)}" for net, held in nets.items())
    label = html.escape(f"What {strategy or 'the transfer'} moves. {told}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" '
        f'style="max-width:100%;height:auto;font:13px sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>',
        _text(8, 16, "autoencoder", bold=True),
        _text(_CELLS, 16, "GAN", bold=True),
    ]
    places = {part: _TOP + (i + 0.5) * lines / len(sources) * _ROW for i, part in enumerate(sources)}
    for i, (net, held) in enumerate(nets.items()):
        y = _TOP + i * _ROW + 20
        parts += _arrows(held, places, y + _HIGH / 2)
        parts += _cells(net, held, y)
    for part, middle in places.items():
        parts.append(
            f'<rect x="8" y="{middle - 15:.0f}" width="{_LEFT - 8}" height="30" rx="5" fill="#eee" stroke="{_INK}"/>'
        )
        parts.append(_text(18, middle + 5, part))
    parts += _legend(height - 14)
    return "".join(parts) + "</svg>"


def _source(row: Mapping[str, Any]) -> str:
    """The part of the source that a row speaks of: `decoder.first.weight` comes from the decoder, a fit from codes."""
    if row["origin"] == "fresh":
        return ""
    first = str(row["how"]).partition(".")[0].partition(" ")[0]
    return first if first in ("encoder", "bottleneck", "decoder") else "codes"


def _counted(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(str(row["origin"]) for row in rows)
    return ", ".join(f"{counts[origin]} {origin}" for origin in _COLOURS if counts[origin])


def _cells(net: str, rows: Sequence[Mapping[str, Any]], y: float) -> list[str]:
    parts = [_text(_CELLS, y - 6, f"{net}: {_counted(rows)}")]
    wide = min(26.0, (_WIDTH - _CELLS - 8) / max(1, min(len(rows), _MOST)))
    gap = 1.0 if wide > 4 else 0.0
    for i, row in enumerate(rows[:_MOST]):
        x, colour = _CELLS + i * wide, _COLOURS.get(str(row["origin"]), _COLOURS["fresh"])
        tip = html.escape(f"{row['tensor']}: {row['origin']}, {row['state']}. {row['how']}")
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.0f}" width="{wide - gap:.1f}" height="{_HIGH}" fill="{colour}">'
            f"<title>{tip}</title></rect>"
        )
        if row["state"] == "frozen":
            parts.append(f'<rect x="{x:.1f}" y="{y + _HIGH:.0f}" width="{wide - gap:.1f}" height="4" fill="{_INK}"/>')
    return parts


def _arrows(rows: Sequence[Mapping[str, Any]], places: Mapping[str, float], y: float) -> list[str]:
    """One from each part of the source that gave the net something, in the colour of what it mostly gave."""
    given: dict[str, Counter[str]] = {}
    for row in rows:
        if part := _source(row):
            given.setdefault(part, Counter())[str(row["origin"])] += 1
    parts = []
    for part, counts in given.items():
        colour, start, end = _COLOURS.get(counts.most_common(1)[0][0], _INK), places[part], y
        path = f"M{_LEFT} {start:.0f} C{_LEFT + 50} {start:.0f} {_CELLS - 58} {end:.0f} {_CELLS - 10} {end:.0f}"
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="3"/>')
        tip = f"M{_CELLS - 4} {end:.0f} l-9 -6 v12 z"
        parts.append(f'<path d="{tip}" fill="{colour}"/>')
    return parts


def _legend(y: float) -> list[str]:
    parts, x = [], 8
    for origin, colour in _COLOURS.items():
        parts.append(f'<rect x="{x}" y="{y - 10:.0f}" width="14" height="12" fill="{colour}"/>')
        parts.append(_text(x + 20, y, origin))
        x += 90
    parts.append(f'<rect x="{x}" y="{y:.0f}" width="14" height="4" fill="{_INK}"/>')
    parts.append(_text(x + 20, y, "frozen"))
    return parts


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{_INK}"{weight}>{html.escape(text)}</text>'
