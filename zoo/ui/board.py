"""What a page shows of runs: facts, curves, grids and differences, read from their folders alone."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo._utils import html
from zoo.config import to_plain
from zoo.data.grids import captioned
from zoo.errors import ZooError
from zoo.training.recipe import Recipe
from zoo.training.run_dir import RunDirectory
from zoo.training.summary import kid_curve, newest_grid

__all__ = ["Look", "compare", "differences", "find_runs", "look", "picture", "readable", "stamp"]

_DEEPEST = 3
_LIVELY = 10.0
"""A record that was written in the last seconds belongs to somebody who is training."""


@dataclass(frozen=True, slots=True)
class Look:
    """A run at a glance. `state` is running, done, stopped or failed; `figures` the last ones measured, by name."""

    folder: Path
    recipe: Recipe
    state: str
    shown: int
    total: int
    speed: float
    figures: dict[str, float]

    @property
    def strategy(self) -> str:
        """What moved; scratch where nothing did."""
        if self.recipe.transfer is None:
            return "scratch" if self.recipe.gan is not None else "autoencoder"
        strategy = self.recipe.transfer.strategy
        parts = [strategy] if isinstance(strategy, str) else [str(getattr(one, "component", one)) for one in strategy]
        return "+".join(parts).replace("transfer/", "")


def find_runs(root: Path) -> list[Path]:
    """Every folder below `root` that holds a run, newest first."""
    found: list[Path] = []
    level = [root]
    for _ in range(_DEEPEST + 1):
        found += [
            folder for folder in level if (folder / "recipe.toml").is_file() and not (folder / "zoo.json").exists()
        ]
        level = [child for folder in level for child in _folders(folder)]
    return sorted(found, key=lambda folder: (folder / "recipe.toml").stat().st_mtime, reverse=True)


def look(folder: Path, state: str = "") -> Look:
    """The facts of one run; `state` where the caller knows better than the record. Raises ConfigError for none."""
    record = RunDirectory(folder)
    recipe = record.recipe()
    ticks, ends, measured = record.events("tick"), record.events("end"), record.events("metrics")
    newest = max((event["shown"] for event in (*ticks, *record.events("checkpoint"))), default=0)
    training = recipe.gan.training if recipe.gan is not None else recipe.autoencoder.training  # type: ignore[union-attr]
    figures = {row["name"]: float(row["value"]) for row in measured[-1]["metrics"]} if measured else {}
    speed = float(ticks[-1]["images_per_second"]) if ticks else 0.0
    told = state or ("done" if ends else "running" if _is_lively(folder) else "stopped")
    return Look(folder, recipe, told, newest, training.images, speed, figures)


def compare(looks: Sequence[Look]) -> tuple[str, Any, Any]:
    """Runs side by side: a table with what differs in their recipes (HTML), their KID curves, their newest grids."""
    head = ("run", "state", "strategy", "images shown", "KID", "FID", "images/s")
    rows = [
        (one.folder.name, one.state, one.strategy, f"{one.shown:,}", *_two(one.figures), f"{one.speed:,.0f}")
        for one in looks
    ]
    told = html.table(head, rows)
    if len(looks) > 1:
        keys = differences([one.recipe for one in looks])
        lines = [(key, *(_short(value) for value in values)) for key, values in keys.items()]
        told += html.table(("setting", *(one.folder.name for one in looks)), lines, "Where the recipes differ")
    grids = [(one.folder.name, picture(png)) for one in looks if (png := newest_grid(one.folder)) is not None]
    return told, picture(kid_curve([one.folder for one in looks])), captioned(grids) if grids else None


def differences(recipes: Sequence[Recipe]) -> dict[str, list[Any]]:
    """The settings that are not the same in all recipes: dotted key -> the value in each, None where it has none."""
    flat = [_flat(to_plain(recipe)) for recipe in recipes]
    keys = sorted({key for one in flat for key in one})
    held = {key: [one.get(key) for one in flat] for key in keys}
    return {key: values for key, values in held.items() if any(value != values[0] for value in values)}


def _flat(plain: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def _two(figures: Mapping[str, float]) -> tuple[str, str]:
    kid, fid = figures.get("kid"), figures.get("fid")
    return "" if kid is None else f"{kid:.4f}", "" if fid is None else f"{fid:.1f}"


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def picture(png: bytes | None) -> Any:
    """PNG bytes as a picture for gradio."""
    from PIL import Image

    if png is None:
        return None
    with Image.open(io.BytesIO(png)) as drawn:
        return drawn.convert("RGB")


def stamp(folder: Path) -> str:
    """Another text whenever the record grew or fell silent."""
    try:
        return f"{(folder / 'events.jsonl').stat().st_mtime_ns} {_is_lively(folder)}"
    except OSError:
        return ""


def _is_lively(folder: Path) -> bool:
    try:
        return time.time() - (folder / "events.jsonl").stat().st_mtime < _LIVELY
    except OSError:
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not child.is_symlink())
    except OSError:
        return []


def readable(folder: Path, state: str = "") -> Look | None:
    """`look`, or None for a folder whose run cannot be read: one broken run must not hide the others."""
    try:
        return look(folder, state)
    except ZooError:
        return None
