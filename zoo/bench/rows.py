"""From results to rows, and from trials to the settings that are used."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.bench.statistics import median
from zoo.bench.suite import Cell, Suite
from zoo.bench.table import Row

if TYPE_CHECKING:
    from zoo.bench.cell import Result

__all__ = ["choose", "rows_of"]


def rows_of(suite: Suite, cell: Cell, result: Result, source: Result | None) -> list[Row]:
    """A finished cell's rows: one per count of images shown and figure."""
    arm = suite.arms.get(cell.arm)
    strategy = "" if arm is None or arm.strategy is None else arm.strategy
    rows = []
    for at in result.measured:
        for figure in at["metrics"]:
            low, high = figure.get("interval") or (None, None)
            rows.append(
                Row(
                    stage=cell.stage,
                    data=cell.data,
                    architecture=cell.architecture,
                    arm=cell.arm,
                    strategy=strategy if isinstance(strategy, str) else "+".join(map(str, strategy)),
                    autoencoder=cell.autoencoder,
                    autoencoder_seed=cell.autoencoder_seed,
                    seed=cell.seed,
                    trial=cell.trial,
                    settings=json.dumps(dict(cell.settings), sort_keys=True) if cell.settings else "",
                    status=result.status,
                    images=int(at["images"]),
                    metric=figure["name"],
                    value=float(figure["value"]),
                    low=low,
                    high=high,
                    floor=figure.get("floor"),
                    n=int(figure["n"]),
                    reference=int(figure["reference"]),
                    extractor=figure.get("extractor", ""),
                    cpu_seconds=float(at["cost"]["cpu"]),
                    wall_seconds=float(at["cost"]["wall"]),
                    source_images=None if source is None else source.images,
                    source_cpu_seconds=None if source is None else source.cost.cpu,
                    source_wall_seconds=None if source is None else source.cost.wall,
                    recipe=result.recipe,
                )
            )
    return rows


def choose(trials: Sequence[tuple[Cell, Result]]) -> dict[str, Any]:
    """The settings of the trial whose last three KIDs have the lowest median: where a trial ends, and not its luckiest
    moment, since one that was good and then collapsed must not win. A diverged one never does."""

    def score(result: Result) -> tuple[bool, float]:
        kids = [f["value"] for at in result.measured for f in at["metrics"] if f["name"] == "kid" and at["images"]]
        return result.status != "done", median(kids[-3:]) if kids else math.inf

    return dict(min(trials, key=lambda trial: score(trial[1]))[0].settings)
