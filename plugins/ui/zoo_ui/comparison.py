"""Compares runs: summaries, curves, newest grids and differing settings, read from their folders alone."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.plugin import (
    Summary,
    ZooError,
    captioned_grid,
    differences,
    find_runs,
    html_table,
    kid_curve,
    newest_grid,
    short_value,
    summarise,
)

__all__ = ["compare", "picture_of", "runs_below", "stamp", "summary_of"]

_QUIET = 10.0
"""Seconds without an event after which a run may have ended without one."""


def runs_below(root: Path) -> list[Path]:
    """Every folder below `root` that holds a run, newest first; none if there is no such folder."""
    runs = find_runs(root) if root.is_dir() else []
    return sorted(runs, key=lambda folder: (folder / "recipe.toml").stat().st_mtime, reverse=True)


def summary_of(folder: Path, state: str = "") -> Summary | None:
    """The run's summary, with `state` in place of the recorded one if it is given; None if there is no run or it
    cannot be read: one broken run must not hide the others."""
    try:
        summary = summarise(folder)
    except ZooError:
        return None
    if summary.state == "unreadable":
        return None
    return replace(summary, state=state) if state else summary


def compare(summaries: Sequence[Summary]) -> tuple[str, Any, Any]:
    """Runs side by side: a table with what differs in their recipes (HTML), their KID curves, their newest grids."""
    names = [summary.folder.name for summary in summaries]
    head = ("run", "state", "strategy", "images shown", "KID", "FID", "images/s")
    rows = [
        (
            summary.folder.name,
            summary.state,
            summary.strategy,
            f"{summary.shown:,}",
            _last(summary, "kid", ".4f"),
            _last(summary, "fid", ".1f"),
            f"{summary.images_per_second or 0:,.0f}",
        )
        for summary in summaries
    ]
    page = html_table(head, rows)
    if len(summaries) > 1:
        lines = [(key, *map(short_value, values)) for key, values in differences([one.recipe for one in summaries])]
        page += html_table(("setting", *names), lines, "Where the recipes differ")
    folders = [summary.folder for summary in summaries]
    grids = [(folder.name, picture_of(png)) for folder in folders if (png := newest_grid(folder)) is not None]
    return page, picture_of(kid_curve(folders)), captioned_grid(grids) if grids else None


def _last(summary: Summary, name: str, form: str) -> str:
    return format(summary.figures[name][-1].value, form) if name in summary.figures else ""


def picture_of(png: bytes | None) -> Any:
    """PNG bytes as a picture."""
    from PIL import Image

    if png is None:
        return None
    with Image.open(io.BytesIO(png)) as picture:
        return picture.convert("RGB")


def stamp(folder: Path) -> str:
    """A text that changes if the run's record grew, or has not grown for some seconds."""
    try:
        written = (folder / "events.jsonl").stat().st_mtime_ns
    except OSError:
        return ""
    return f"{written} {time.time() - written / 1e9 < _QUIET}"
