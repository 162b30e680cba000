"""The report of a suite: learning curves and Markdown, computed from its stored table alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.plugin import DataError, curve
from zoo_bench.compare import SMALLEST_KID, ArmResult, ArmRuns, Comparison, arm_runs, compare
from zoo_bench.statistics import median
from zoo_bench.suite import Suite, read_suite
from zoo_bench.table import Row, read_table

__all__ = ["StoredSuite", "curves_png", "markdown", "read_stored"]


@dataclass(frozen=True, slots=True)
class StoredSuite:
    """A suite's folder: `suite.toml`, `table.csv`, `recipes/`."""

    folder: Path
    suite: Suite
    rows: list[Row]


def read_stored(folder: Path) -> StoredSuite:
    """Read a suite's folder. Raises ConfigError or DataError if it holds none."""
    return StoredSuite(folder, read_suite(folder / "suite.toml"), read_table(folder / "table.csv"))


def curves_png(rows: Sequence[Row], data: str, architecture: str, metric: str = "kid") -> bytes:
    """Every arm's median curve over images shown, the seeds' range as a band. Raises DataError if there are no runs."""
    finals = [row for row in rows if (row.stage, row.data, row.architecture) == ("final", data, architecture)]
    if not finals:
        raise DataError(f"there are no finished runs on {data}", "Run the suite further.")
    series: dict[str, list[tuple[float, float, float, float]]] = {}
    several = len({row.autoencoder for row in finals if row.autoencoder}) > 1
    for runs in arm_runs(finals):
        at: dict[int, list[float]] = {}
        for points in runs.curves[metric].values():
            for images, value in points:
                if images:
                    at.setdefault(images, []).append(max(value, SMALLEST_KID) if metric == "kid" else value)
        series[_label(runs, several)] = [(images, median(v), min(v), max(v)) for images, v in sorted(at.items())]
    name = {"kid": "KID (lower is better)", "fid": "FID (lower is better)"}.get(metric, f"{metric} (higher is better)")
    count = len({row.seed for row in finals})
    what = f"median of up to {count} seeds, band from least to most" if count > 1 else "one seed"
    title = f"{data}, {architecture}: {what}"
    return curve(series, xlabel="images shown", ylabel=name, title=title, log=metric == "kid")


def markdown(stored: StoredSuite, pictures: str = "") -> str:
    """One suite as Markdown: what was run, what was tuned, and per data set the arms' last metrics and what they took
    to the baseline's best. `pictures` is the path of its folder as seen from the page."""
    suite, rows = stored.suite, stored.rows
    lines = [f"## {suite.title or suite.name}", ""]
    if suite.about:
        lines += [suite.about.strip(), ""]
    lines += _setting(suite, rows)
    lines += _tuning(suite, rows)
    for comparison in compare(rows, suite.baseline):
        lines += _comparison(comparison, suite.baseline, pictures)
    return "\n".join(lines)


def _setting(suite: Suite, rows: Sequence[Row]) -> list[str]:
    runs = {(row.stage, row.data, row.architecture, row.arm, row.autoencoder, row.seed, row.trial) for row in rows}
    finals = sum(run[0] == "final" for run in runs)
    trials = sum(run[0] == "trial" for run in runs)
    diverged = {(row.arm, row.seed) for row in rows if row.status == "diverged"}
    sources = [row for row in rows if row.stage == "autoencoder"]
    lines = [
        f"{finals} runs, {trials} trials, {len({(r.autoencoder, r.seed) for r in sources})} autoencoders trained; "
        f"{len(diverged)} runs diverged. Measured with {suite.measuring.samples:,} samples at "
        f"{suite.measuring.points} points of training, with {suite.threads} thread per run. "
        f"Table: `{suite.name}/table.csv`, with the recipes in the same folder.",
        "",
    ]
    if sources:
        lines += [
            "| autoencoder | trained on | seed | images | CPU s | held-out error / variance |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.autoencoder} | {row.data} | {row.seed} | {row.images:,} "
            f"| {row.cpu_seconds:.0f} | {row.value:.3f} |"
            for row in sources
            if row.metric == "reconstruction_error"
        ]
        lines.append("")
    return lines


def _tuning(suite: Suite, rows: Sequence[Row]) -> list[str]:
    trials = [row for row in rows if row.stage == "trial" and row.metric == "kid" and row.images]
    if suite.tuning is None or not trials:
        return []
    kids: dict[tuple[str, str, int], list[tuple[int, float]]] = {}
    for row in trials:
        kids.setdefault((row.architecture, row.arm, row.trial or 0), []).append((row.images, row.value))
    ends = {key: median([value for _, value in sorted(points)[-3:]]) for key, points in kids.items()}
    names = sorted({name for settings in suite.tuning.settings() for name in settings})
    arms = list(dict.fromkeys((row.architecture, row.arm) for row in trials))
    lines = [
        f"Tuned on {suite.tuning.data}, seed {suite.tuning.seed}, {suite.tuning.images:,} images per trial, on a "
        "second split of the training images, with the same trials for each arm. The cells give the median of a "
        "trial's last three KIDs; the best of each arm is in bold:",
        "",
        "| " + " | ".join([*names, *(arm for _, arm in arms)]) + " |",
        "|" + "---|" * (len(names) + len(arms)),
    ]
    for i, settings in enumerate(suite.tuning.settings()):
        cells = [f"{settings.get(name, '-')}" for name in names]
        for architecture, arm in arms:
            own = {key[2]: value for key, value in ends.items() if key[:2] == (architecture, arm)}
            text = f"{own[i]:.4f}" if i in own else "-"
            cells.append(f"**{text}**" if own and i == min(own, key=lambda k: own[k]) else text)
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _comparison(one: Comparison, baseline: str, pictures: str) -> list[str]:
    several = len({arm.runs.autoencoder for arm in one.arms if arm.runs.autoencoder}) > 1
    seeds = max(len(arm.runs.seeds) for arm in one.arms)
    lines = [
        f"### {one.data}, {one.architecture}",
        "",
        f"KID against {one.reference:,} held-out images in `{one.extractor}`; real against real: {one.floor:.4f}. "
        f"Up to {seeds} paired seeds, {one.budget:,} images per run. The median best KID of `{baseline}` is "
        f"{one.baseline_best:.4f}, "
        f"reached after a median of {one.baseline_images:,.0f} images and {one.baseline_cpu:.0f} CPU seconds.",
        "",
        f"![learning curves]({pictures}{one.data}-{one.architecture}-kid.png)",
        f"![recall]({pictures}{one.data}-{one.architecture}-recall.png)",
        "",
        "| arm | seeds | KID at the start | best KID | KID at the end (95 %) | FID | recall (95 %) | precision "
        f"| mean log KID | KID of {baseline} / its | p (Holm) |",
        "|" + "---|" * 11,
    ]
    lines += [_end_row(arm, several) for arm in one.arms]
    lines += [
        "",
        f"Time to a threshold: three measurements in a row at or below that KID times the factor. A share is relative "
        f"to what `{baseline}` needed for its best KID: in images, in CPU seconds, and in CPU seconds with the "
        "autoencoder.",
        "",
        "| arm | factor | reached | images | share of images | share of CPU | share with autoencoder | mean images |",
        "|" + "---|" * 8,
    ]
    lines += [row for arm in one.arms for row in _time_rows(arm, several)]
    return [*lines, ""]


def _label(runs: ArmRuns, several: bool) -> str:
    return f"{runs.arm} ({runs.autoencoder})" if several and runs.autoencoder else runs.arm


def _end_row(arm: ArmResult, several: bool) -> str:
    seeds = f"{len(arm.runs.seeds)}" + (f" ({arm.runs.diverged} diverged)" if arm.runs.diverged else "")
    cells = [
        _label(arm.runs, several),
        seeds,
        f"{arm.start:.3f}",
        f"{arm.best:.4f}",
        f"{arm.kid:.4f} ({arm.kid_interval[0]:.4f} to {arm.kid_interval[1]:.4f})",
        f"{arm.fid:.2f}",
        f"{arm.recall:.3f} ({arm.recall_interval[0]:.3f} to {arm.recall_interval[1]:.3f})",
        f"{arm.precision:.3f}",
        f"{arm.log_mean:.4f}",
        f"{arm.gain:.2f}",
        "-" if math.isnan(arm.p) else f"{arm.p:.3f} ({arm.holm:.3f})",
    ]
    return "| " + " | ".join(cells) + " |"


def _time_rows(arm: ArmResult, several: bool) -> list[str]:
    rows = []
    for time in arm.times_to_threshold:
        cells = [
            _label(arm.runs, several),
            f"{time.factor:g}",
            f"{time.reached} of {len(arm.runs.seeds)}",
            _number(time.images, ",.0f"),
            _number(time.images_share, ".2f"),
            _number(time.cpu_share, ".2f"),
            _number(time.cpu_with_source_share, ".2f"),
            _number(time.mean_images, ",.0f"),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _number(value: float, form: str) -> str:
    return "?" if math.isnan(value) else "not reached" if math.isinf(value) else format(value, form)
