"""How the commands print: tables and lines for people, one JSON value for programs, bare names for pipes.

Much of it is others' text: of plugins, of releases, of the Hub. None of it keeps its control characters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from zoo._utils.text import sanitize

__all__ = ["as_json", "facts", "lines", "moved", "report_table", "skipped", "table"]

_LATE_CONTROLS = re.compile(r"[\x7f-\x9f]")


def as_json(value: Any) -> None:
    """One JSON value; control characters are written as JSON escapes, also those that JSON would let through."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_LATE_CONTROLS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text))


def lines(names: Iterable[object]) -> None:
    """One name a line."""
    for name in names:
        click.echo(sanitize(str(name)))


def facts(rows: Sequence[tuple[str, object]]) -> None:
    """Aligned `key  value` lines."""
    width = max((len(key) for key, _ in rows), default=0)
    for key, value in rows:
        click.echo(sanitize(f"{key:<{width}}  {value}").rstrip())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; nothing is cut."""
    cells = [[sanitize(str(cell)) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for i, row in enumerate(cells):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if i == 0 else line)


def skipped(files: Sequence[Any]) -> None:
    """The files of a folder that could not be used, on stderr."""
    if files:
        told = "; ".join(f"{item.path}: {item.reason}" for item in files[:5])
        more = f"; {len(files) - 5} more" if len(files) > 5 else ""
        count = "1 file was" if len(files) == 1 else f"{len(files):,} files were"
        click.echo(sanitize(f"warning: {count} skipped ({told}{more})"), err=True)


def report_table(rows: Sequence[Any]) -> None:
    """A transfer report: every tensor, its origin and its state."""
    table(
        ("tensor", "shape", "origin", "state", "how"),
        [(f"{r.net}.{r.tensor}", "x".join(map(str, r.shape)) or "-", r.origin, r.state, r.how) for r in rows],
    )


def moved(report: Sequence[Mapping[str, Any]]) -> None:
    """What a run's transfer moved: how many tensors of each net and how, and by name those that passed a bridge."""
    counts: dict[str, Counter[str]] = {}
    for row in report:
        counts.setdefault(row["net"], Counter())[row["origin"]] += 1
    came = sum(row["origin"] != "fresh" for row in report)
    click.echo(f"  {came} of {len(report)} tensors came from the autoencoder:")
    facts(
        [(f"    {net}", ", ".join(f"{n} {origin}" for origin, n in origins.items())) for net, origins in counts.items()]
    )
    bridged = [row for row in report if row["origin"] == "adapted"]
    facts([(f"      {row['net']}.{row['tensor']}", f"adapted  {row['how']}") for row in bridged])
