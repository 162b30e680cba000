"""What a run's record looks like: curves and the newest grid, as PNG bytes, read from its folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.report.curves import Points, curve
from zoo.training.record import Record

__all__ = ["kid_curve", "loss_curve", "newest_grid"]

_MOST_POINTS = 200


def loss_curve(folder: Path) -> bytes | None:
    """Every loss over images shown, or None before the first."""
    ticks = Record(folder).events("tick")
    ticks = ticks[:: len(ticks) // _MOST_POINTS + 1]
    names = [name for name in ("loss", "d_loss", "g_loss") if any(name in tick for tick in ticks)]
    series = {name: [(tick["shown"], tick[name]) for tick in ticks if name in tick] for name in names}
    return _drawn(series, "loss", folder.name, log=False)


def kid_curve(folders: Sequence[Path]) -> bytes | None:
    """KID with its interval over images shown, a line a run; None where none was measured."""
    series: dict[str, Points] = {}
    for folder in folders:
        points = []
        for event in Record(folder).events("metrics"):
            for row in event["metrics"]:
                if row["name"] == "kid":
                    low, high = row.get("interval") or (row["value"], row["value"])
                    points.append((event["shown"], row["value"], low, high))
        if points:
            series[folder.name] = points
    title = "against held-out images"
    if len(folders) == 1 and series:  # its name stands above, where there is room
        series, title = {"KID": series[folders[0].name]}, f"{folders[0].name}, {title}"
    return _drawn(series, "KID (lower is better)", title, log=True)


def newest_grid(folder: Path) -> bytes | None:
    """The last grid of fixed codes, or None."""
    grids = sorted((folder / "samples").glob("*.png"))
    return grids[-1].read_bytes() if grids else None


def _drawn(series: Mapping[str, Points], ylabel: str, title: str, *, log: bool) -> bytes | None:
    drawn = {label: points for label, points in series.items() if points}
    return curve(drawn, xlabel="images shown", ylabel=ylabel, title=title, log=log) if drawn else None
