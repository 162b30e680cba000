"""Output of commands: tables and lines for people, one JSON value for programs, bare names for pipes.

Text from plugins, releases and the Hub is not trusted: its control characters are removed.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from zoo._utils.text import escape_controls, sanitize

__all__ = ["facts", "moved_tensors", "print_json", "print_lines", "print_table", "report_table", "shape", "skipped"]


_LEAST = 6
"""Letters of a column that stay, however narrow the terminal is."""


def print_json(value: Any) -> None:
    """One JSON value; control characters are escaped, also those that JSON allows unescaped."""
    click.echo(escape_controls(json.dumps(value, indent=2, ensure_ascii=False)))


def print_lines(names: Iterable[object]) -> None:
    """One name per line."""
    for name in names:
        click.echo(sanitize(str(name)))


def facts(rows: Sequence[tuple[str, object]]) -> None:
    """Aligned `key  value` lines."""
    width = max((len(key) for key, _ in rows), default=0)
    for key, value in rows:
        click.echo(sanitize(f"{key:<{width}}  {value}").rstrip())


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns, as wide as their widest cell. In a terminal that is too narrow, cells of the widest columns but
    the first are cut, and a line below says so."""
    cells = [[sanitize(str(cell)) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    room = _columns()
    shown = _fitted(widths, room) if room else widths
    for i, row in enumerate(cells):
        line = "  ".join(f"{_cut(cell, width):<{width}}" for cell, width in zip(row, shown, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if i == 0 else line)
    if shown != widths:
        click.echo(
            f"(… was cut at {room} columns; in a wider window, in a pipe and with --json all is shown)", err=True
        )


def _columns() -> int:
    """The columns of the terminal on stdout; 0 for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into `room` columns with two between them: the widest give way, down to a few letters, and the
    first, which has the names, stays."""
    first, *fitted = widths
    while first + sum(fitted) + 2 * len(fitted) > room and max(fitted, default=0) > _LEAST:
        fitted[fitted.index(max(fitted))] -= 1
    return [first, *fitted]


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def shape(sizes: Sequence[int]) -> str:
    """`1x32x32`; empty for no sizes."""
    return "x".join(map(str, sizes))


def duration(seconds: float) -> str:
    """Seconds for a reader: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def figure(metric: Any) -> str:
    """`0.0123`, or `0.65 (rough)`."""
    return f"{metric.value:.4g}{' (rough)' if metric.rough else ''}"


def skipped(files: Sequence[Any]) -> None:
    """A warning on stderr about the files of a folder that could not be used."""
    if files:
        reasons = "; ".join(f"{file.path}: {file.reason}" for file in files[:5])
        more = f"; {len(files) - 5} more" if len(files) > 5 else ""
        count = "1 file was" if len(files) == 1 else f"{len(files):,} files were"
        click.echo(sanitize(f"warning: {count} skipped ({reasons}{more})"), err=True)


def report_table(rows: Sequence[Any]) -> None:
    """A transfer report: every tensor with its origin and state."""
    print_table(
        ("tensor", "shape", "origin", "state", "how"),
        [(f"{r.net}.{r.tensor}", shape(r.shape) or "-", r.origin, r.state, r.how) for r in rows],
    )


def moved_tensors(report: Sequence[Mapping[str, Any]]) -> None:
    """A summary of a run's transfer: the number of tensors of each net by origin, and the names of adapted tensors."""
    counts: dict[str, Counter[str]] = {}
    for row in report:
        counts.setdefault(row["net"], Counter())[row["origin"]] += 1
    transferred = sum(row["origin"] != "fresh" for row in report)
    click.echo(f"  {transferred} of {len(report)} tensors came from the autoencoder:")
    facts(
        [(f"    {net}", ", ".join(f"{n} {origin}" for origin, n in origins.items())) for net, origins in counts.items()]
    )
    adapted = [row for row in report if row["origin"] == "adapted"]
    facts([(f"      {row['net']}.{row['tensor']}", f"adapted  {row['how']}") for row in adapted])
