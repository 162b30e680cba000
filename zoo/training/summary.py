"""A run in a few facts, read from its recipe and events without opening a checkpoint (torch-free).

Whether a run is running is known from its lock, which the system releases when the process ends, however it ends. The
lock of another machine may not show on a shared disk: there the time of the last event decides.
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from zoo._utils.html import html_table
from zoo.errors import ConfigError
from zoo.report.curves import Points, curve
from zoo.training.recipe import Recipe
from zoo.training.run_dir import EVENTS, LOCK, RECIPE, RunDirectory
from zoo.types import Metric

__all__ = ["Figure", "MetricHistory", "Summary", "find_runs", "kid_curve", "loss_curve", "newest_grid", "summarise"]

SILENCE = 300
"""Seconds without an event after which a run on another machine is no longer said to be running."""

_HIGHER = frozenset({"precision", "recall", "density", "coverage"})
_DEEPEST = 4
_ENDS = {"end": "finished", "stopped": "stopped", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A value after so many images shown; `low` and `high` are its interval, the value itself if it has none."""

    shown: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few facts.

    `state` is running, finished, stopped (Ctrl-C or SIGTERM, with a checkpoint), failed (`error` says why), died (its
    process ended without an event: killed, or the machine went down), silent (on another machine, no event for
    `SILENCE` seconds) or unreadable (`error`). `error` also says which lines of the record are no events.
    `seconds_ago` is the age of its last event. `figures` are what was measured, `losses` the ticks, both by name;
    `best` and `better` name the figure that decides.
    """

    folder: Path
    state: str
    seconds_ago: float
    shown: int
    total: int
    images_per_second: float | None
    figures: dict[str, list[Figure]]
    losses: dict[str, list[Figure]]
    best: str = "kid"
    better: str = "lower"
    recipe: Recipe | None = None
    error: str = ""

    @property
    def strategy(self) -> str:
        """The strategies' short names joined by `+`; `scratch` without any; an autoencoder's objective."""
        if self.recipe is None:
            return ""
        if self.recipe.autoencoder is not None:
            return _short(self.recipe.autoencoder.training.objective)
        if self.recipe.transfer is None:
            return "scratch"
        return "+".join(_short(part) for part in self.recipe.transfer.strategies)

    @property
    def source(self) -> str:
        """What it was transferred from: a release's name, `autoencoder` for one of the same recipe, or nothing."""
        transfer = self.recipe.transfer if self.recipe else None
        return transfer.source if transfer else ""

    def best_figure(self, name: str | None = None) -> Figure | None:
        """The best of the figures of that name (by default the one that decides), the earlier of equal ones."""
        figures = self.figures.get(name or self.best, [])
        sign = self.sign(name or self.best)
        return min(figures, key=lambda figure: sign * figure.value) if figures else None

    def sign(self, name: str | None) -> int:
        """1 if lower figures of that name are better, -1 if higher ones are."""
        if name == self.best:
            return 1 if self.better == "lower" else -1
        return -1 if name in _HIGHER else 1

    def plain(self) -> dict[str, Any]:
        """The summary as plain data, with every figure and no losses."""
        best = self.best_figure()
        parent = self.recipe.parent if self.recipe else None
        return {
            "folder": str(self.folder),
            "name": self.recipe.name if self.recipe else None,
            "state": self.state,
            "error": self.error or None,
            "seconds_ago": round(self.seconds_ago),
            "shown": self.shown,
            "total": self.total,
            "images_per_second": self.images_per_second,
            "strategy": self.strategy,
            "source": self.source or None,
            "data": self.recipe.data.source if self.recipe else None,
            "best": {"name": self.best, "shown": best.shown, "value": best.value} if best else None,
            "metrics": {
                name: [{"shown": figure.shown, "value": figure.value} for figure in values]
                for name, values in self.figures.items()
            },
            "parent": {
                "run": parent.run,
                "shown": parent.shown,
                "sha256": parent.sha256,
                "overridden": parent.overridden,
            }
            if parent
            else None,
        }


def find_runs(root: Path) -> list[Path]:
    """The run folders in `root` and below, or `root` itself. Raises ConfigError when there is no such folder."""
    if not root.is_dir():
        raise ConfigError(f"there is no folder {root}", "Give the folder that holds your runs: zoo runs ls FOLDER")
    return sorted(_runs_in(root, 0))


def summarise(folder: Path) -> Summary:
    """The run in `folder`; one that cannot be read has the state `unreadable`. Raises ConfigError if there is none."""
    run_dir = RunDirectory(folder)
    try:
        recipe = run_dir.recipe()
    except ConfigError as error:
        if not (folder / RECIPE).is_file():
            raise
        return Summary(folder, "unreadable", 0.0, 0, 0, None, {}, {}, error=error.message)
    try:
        lines, bad = run_dir.lines(), run_dir.bad_lines()
    except ConfigError as error:
        return Summary(folder, "unreadable", 0.0, 0, 0, None, {}, {}, recipe=recipe, error=error.message)
    last = lines[-1] if lines else {}
    rates = [line["images_per_second"] for line in lines if line["kind"] == "tick" and "images_per_second" in line]
    figures: dict[str, list[Figure]] = {}
    losses: dict[str, list[Figure]] = {}
    for line in lines:
        for row in line.get("metrics", ()):
            low, high = row.get("interval") or (row["value"], row["value"])
            series = figures.setdefault(row["name"], [])
            if not series or series[-1].shown < line["shown"]:
                series.append(Figure(line["shown"], row["value"], low, high))
        for name, value in line.items() if line["kind"] == "tick" else ():
            if name not in ("kind", "shown", "total", "time", "images_per_second"):
                losses.setdefault(name, []).append(Figure(line["shown"], value, value, value))
    evaluation = recipe.evaluation
    age = _age(last)
    return Summary(
        folder=folder,
        state=_state(folder, lines, age),
        seconds_ago=age,
        shown=max((line["shown"] for line in lines), default=0),
        total=recipe.training.images,
        images_per_second=round(statistics.median(rates), 1) if rates else None,
        figures=figures,
        losses=losses,
        best=evaluation.best if evaluation else "kid",
        better=evaluation.better if evaluation else "lower",
        recipe=recipe,
        error=str(last.get("error", "")) if last.get("kind") == "failed" else bad,
    )


def _runs_in(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / RECIPE).is_file() and (folder / EVENTS).is_file():
        yield folder
    if depth < _DEEPEST:
        for inner in folder.iterdir():
            if inner.is_dir() and not inner.is_symlink() and not inner.name.startswith("."):
                yield from _runs_in(inner, depth + 1)


def _state(folder: Path, lines: list[dict[str, Any]], age: float) -> str:
    locked = _is_locked(folder / LOCK)
    if locked:
        return "running"
    last = lines[-1] if lines else {}
    if last.get("kind") in _ENDS:
        return _ENDS[last["kind"]]
    host = next((line.get("host") for line in reversed(lines) if line["kind"] == "start"), None)
    if locked is False and host in (None, platform.node()):
        return "died"
    return "running" if age < SILENCE else "silent"


def _is_locked(lock: Path) -> bool | None:
    """Whether a process holds the lock; None if this user may not know."""
    if not lock.exists():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return None


def _age(line: dict[str, Any]) -> float:
    try:
        then = datetime.fromisoformat(line["time"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(0.0, (datetime.now(UTC) - then).total_seconds())


def _short(part: Any) -> str:
    name = part if isinstance(part, str) else part.component
    return str(name).rpartition("/")[2]


class MetricHistory(dict[int, tuple[Metric, ...]]):
    """Figures by images shown; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        head = ("images shown", "figure", "value", "95 % interval", "floor", "on", "n")
        rows = [(f"{shown:,}", *_cells(one)) for shown, figures in self.items() for one in figures]
        return html_table(head, rows, "Lower is better; the floor is real images against real ones.")


def _cells(one: Metric) -> tuple[object, ...]:
    interval = f"{one.interval[0]:.4g} to {one.interval[1]:.4g}" if one.interval else ""
    floor = "" if one.floor is None else f"{one.floor:.4g}"
    return one.name, f"{one.value:.4g}", interval, floor, f"{one.data}, {one.split}", one.n


_MOST_POINTS = 200


def loss_curve(folder: Path) -> bytes | None:
    """Every loss over images shown, or None before the first."""
    ticks = RunDirectory(folder).events("tick")
    ticks = ticks[:: len(ticks) // _MOST_POINTS + 1]
    names = [name for name in ("loss", "d_loss", "g_loss") if any(name in tick for tick in ticks)]
    series = {name: [(tick["shown"], tick[name]) for tick in ticks if name in tick] for name in names}
    return _plot(series, "loss", folder.name, log=False)


def kid_curve(folders: Sequence[Path]) -> bytes | None:
    """KID with its interval over images shown, a line a run; None if none was measured."""
    series: dict[str, Points] = {}
    for folder in folders:
        points = []
        for event in RunDirectory(folder).events("metrics"):
            for row in event["metrics"]:
                if row["name"] == "kid":
                    low, high = row.get("interval") or (row["value"], row["value"])
                    points.append((event["shown"], row["value"], low, high))
        if points:
            series[folder.name] = points
    title = "against held-out images"
    if len(folders) == 1 and series:  # its name is in the title, which has room
        series, title = {"KID": series[folders[0].name]}, f"{folders[0].name}, {title}"
    return _plot(series, "KID (lower is better)", title, log=True)


def newest_grid(folder: Path) -> bytes | None:
    """The last grid of fixed codes, or None."""
    grids = sorted((folder / "samples").glob("*.png"))
    return grids[-1].read_bytes() if grids else None


def _plot(series: Mapping[str, Points], ylabel: str, title: str, *, log: bool) -> bytes | None:
    series = {label: points for label, points in series.items() if points}
    return curve(series, xlabel="images shown", ylabel=ylabel, title=title, log=log) if series else None
