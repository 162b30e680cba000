"""The rows of a result, and the best settings of the trials."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo_bench.statistics import median
from zoo_bench.suite import RunSpec, Suite
from zoo_bench.table import Row

if TYPE_CHECKING:
    from zoo_bench.single_run import RunResult

__all__ = ["best_settings", "rows_of"]


def rows_of(suite: Suite, spec: RunSpec, result: RunResult, source: RunResult | None) -> list[Row]:
    """A finished run's rows: one per count of images shown and metric."""
    arm = suite.arms.get(spec.arm)
    strategy = "" if arm is None or arm.strategy is None else arm.strategy
    rows = []
    for at in result.measured:
        for figure in at["metrics"]:
            low, high = figure.get("interval") or (None, None)
            rows.append(
                Row(
                    stage=spec.stage,
                    data=spec.data,
                    architecture=spec.architecture,
                    arm=spec.arm,
                    strategy=strategy if isinstance(strategy, str) else "+".join(map(str, strategy)),
                    autoencoder=spec.autoencoder,
                    autoencoder_seed=spec.autoencoder_seed,
                    seed=spec.seed,
                    trial=spec.trial,
                    settings=json.dumps(dict(spec.settings), sort_keys=True) if spec.settings else "",
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


def best_settings(trials: Sequence[tuple[RunSpec, RunResult]]) -> dict[str, Any]:
    """The settings of the trial whose last three KIDs have the lowest median. The last ones count and not the best, so
    that a trial that collapsed cannot win; a diverged one never wins."""

    def score(result: RunResult) -> tuple[bool, float]:
        kids = [f["value"] for at in result.measured for f in at["metrics"] if f["name"] == "kid" and at["images"]]
        return result.status != "done", median(kids[-3:]) if kids else math.inf

    return dict(min(trials, key=lambda trial: score(trial[1]))[0].settings)
