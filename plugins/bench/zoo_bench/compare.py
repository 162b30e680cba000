"""Compares the arms of a table with the baseline arm, per data set and architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zoo_bench.statistics import (
    Crossing,
    bootstrap_interval,
    crossing,
    holm,
    iqm,
    log_mean,
    median,
    paired_p,
    restricted_mean,
)
from zoo_bench.table import Row

__all__ = ["SMALLEST_KID", "ArmResult", "ArmRuns", "Comparison", "TimeToThreshold", "arm_runs", "compare"]

_FACTORS = (1.0, 1.2, 1.5)
"""Thresholds, as multiples of the baseline's median best KID."""
SMALLEST_KID = 1e-3
"""Smaller KIDs count as this if a logarithm is taken: KID is unbiased, so it can be negative."""


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """The runs of one arm with one autoencoder on one data set: `curves` by metric and seed as (images, value), `cpu`
    seconds by seed and count of images. `source` are the autoencoder's CPU seconds by seed, if known."""

    arm: str
    autoencoder: str
    curves: dict[str, dict[int, list[tuple[int, float]]]]
    cpu: dict[int, dict[int, float]]
    source: dict[int, float]
    source_images: int | None
    diverged: int

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return sorted(self.curves["kid"])

    def best(self, seed: int, name: str = "kid") -> tuple[int, float]:
        """The count of images and the value of the lowest measurement after the start."""
        return min((p for p in self.curves[name][seed] if p[0] > 0), key=lambda point: point[1])

    def last(self, name: str) -> dict[int, float]:
        """The last measurement, by seed."""
        return {seed: max(points)[1] for seed, points in self.curves[name].items()}

    def first(self, name: str) -> dict[int, float]:
        """The measurement before training, by seed."""
        return {seed: min(points)[1] for seed, points in self.curves[name].items()}


@dataclass(frozen=True, slots=True)
class TimeToThreshold:
    """What an arm takes to a threshold: how many of its runs reached it, and the median cost over all of them (infinite
    if fewer than half did) in images and in CPU seconds without and with the autoencoder's; `*_share` are those over
    what the baseline took to its best. `mean_images` is the restricted mean over the common budget."""

    factor: float
    threshold: float
    reached: int
    images: float
    cpu: float
    cpu_with_source: float
    images_share: float
    cpu_share: float
    cpu_with_source_share: float
    mean_images: float


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm's metrics with their 95 % intervals over seeds, and how it compares with the baseline at the same images.

    `gain` is the median over pairs of the baseline's last KID over the arm's; `p` is that of the paired permutation
    test on the difference of their logarithms, `holm` the same adjusted for the number of arms.
    """

    runs: ArmRuns
    start: float
    best: float
    kid: float
    kid_interval: tuple[float, float]
    fid: float
    recall: float
    recall_interval: tuple[float, float]
    precision: float
    log_mean: float
    gain: float
    p: float
    holm: float
    times_to_threshold: tuple[TimeToThreshold, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All arms on one data set and architecture; `baseline_*` are medians, the costs those at its best KID."""

    data: str
    architecture: str
    arms: tuple[ArmResult, ...]
    baseline_best: float
    baseline_images: float
    baseline_cpu: float
    budget: int
    floor: float
    n: int
    reference: int
    extractor: str


def compare(rows: Sequence[Row], baseline: str = "scratch") -> list[Comparison]:
    """Compare every arm of the final rows with the arm `baseline`, per data set and architecture that has it."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.stage == "final":
            groups.setdefault((row.data, row.architecture), []).append(row)
    return [
        _comparison(*key, group, baseline) for key, group in groups.items() if any(row.arm == baseline for row in group)
    ]


def arm_runs(rows: Sequence[Row]) -> list[ArmRuns]:
    """The rows of one data set and architecture by arm and autoencoder, in the table's order."""
    keys = dict.fromkeys((row.arm, row.autoencoder) for row in rows)
    arms = []
    for arm, autoencoder in keys:
        own = [row for row in rows if (row.arm, row.autoencoder) == (arm, autoencoder)]
        curves: dict[str, dict[int, list[tuple[int, float]]]] = {}
        cpu: dict[int, dict[int, float]] = {}
        for row in own:
            curves.setdefault(row.metric, {}).setdefault(row.seed, []).append((row.images, row.value))
            cpu.setdefault(row.seed, {})[row.images] = row.cpu_seconds
        source = {row.seed: row.source_cpu_seconds for row in own if row.source_cpu_seconds is not None}
        diverged = len({row.seed for row in own if row.status == "diverged"})
        arms.append(ArmRuns(arm, autoencoder, curves, cpu, source, own[0].source_images, diverged))
    return arms


def _comparison(data: str, architecture: str, rows: list[Row], baseline: str) -> Comparison:
    arms = arm_runs(rows)
    base = next(runs for runs in arms if runs.arm == baseline)
    bests = {seed: base.best(seed) for seed in base.seeds}
    best = median([value for _, value in bests.values()])
    images = median([at for at, _ in bests.values()])
    cpu = median([base.cpu[seed][at] for seed, (at, _) in bests.items()])
    budget = max(row.images for row in rows if row.arm == baseline)
    p = {_key(runs): _p(base, runs) for runs in arms if runs is not base}
    adjusted = holm({name: value for name, value in p.items() if not math.isnan(value)})
    kid = [row for row in rows if row.metric == "kid"]
    floor = median([row.floor for row in kid if row.floor is not None])
    return Comparison(
        data,
        architecture,
        tuple(
            _result(
                runs, base, (best, images, cpu, budget), p.get(_key(runs), math.nan), adjusted.get(_key(runs), math.nan)
            )
            for runs in arms
        ),
        best,
        images,
        cpu,
        budget,
        floor,
        kid[0].n,
        kid[0].reference,
        kid[0].extractor,
    )


def _key(runs: ArmRuns) -> str:
    return f"{runs.arm}/{runs.autoencoder}"


def _result(
    runs: ArmRuns, base: ArmRuns, at_best: tuple[float, float, float, int], p: float, adjusted: float
) -> ArmResult:
    best, images, cpu, budget = at_best
    last, recall = runs.last("kid"), runs.last("recall")
    common = [seed for seed in runs.seeds if seed in base.seeds]
    baseline = base.last("kid")
    return ArmResult(
        runs,
        start=median(list(runs.first("kid").values())),
        best=median([runs.best(seed)[1] for seed in runs.seeds]),
        kid=iqm(list(last.values())),
        kid_interval=bootstrap_interval([list(last.values())]),
        fid=iqm(list(runs.last("fid").values())),
        recall=iqm(list(recall.values())),
        recall_interval=bootstrap_interval([list(recall.values())]),
        precision=iqm(list(runs.last("precision").values())),
        log_mean=median([log_mean(points, SMALLEST_KID) for points in runs.curves["kid"].values()]),
        gain=median([max(baseline[seed], SMALLEST_KID) / max(last[seed], SMALLEST_KID) for seed in common]),
        p=p,
        holm=adjusted,
        times_to_threshold=tuple(_time_to(runs, factor, factor * best, images, cpu, budget) for factor in _FACTORS),
    )


def _time_to(runs: ArmRuns, factor: float, threshold: float, images: float, cpu: float, budget: int) -> TimeToThreshold:
    crossings: dict[int, Crossing] = {seed: crossing(runs.curves["kid"][seed], threshold) for seed in runs.seeds}
    at = median([c.cost if c.reached else math.inf for c in crossings.values()])
    seconds = median([runs.cpu[s][int(c.cost)] if c.reached else math.inf for s, c in crossings.items()])
    with_source = math.nan
    if all(seed in runs.source for seed in runs.seeds):
        with_source = median(
            [runs.cpu[s][int(c.cost)] + runs.source[s] if c.reached else math.inf for s, c in crossings.items()]
        )
    elif not runs.autoencoder:
        with_source = seconds
    return TimeToThreshold(
        factor,
        threshold,
        sum(c.reached for c in crossings.values()),
        at,
        seconds,
        with_source,
        at / images,
        seconds / cpu,
        with_source / cpu,
        restricted_mean(list(crossings.values()), budget),
    )


def _p(base: ArmRuns, runs: ArmRuns) -> float:
    """p of the paired permutation test on the logarithms of the last KIDs, over the seeds that both have."""
    log_kids, baseline = (
        {seed: math.log(max(kid, SMALLEST_KID)) for seed, kid in one.last("kid").items()} for one in (runs, base)
    )
    pairs = [kid - baseline[seed] for seed, kid in log_kids.items() if seed in baseline]
    return paired_p(pairs) if len(pairs) > 1 else math.nan
