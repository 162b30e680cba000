"""Run a suite: autoencoders, then trials, then the final runs. A stopped suite is continued."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.plugin import ConfigError, TrainingError, ZooError, locked, write_atomically
from zoo_bench.rows import best_settings, rows_of
from zoo_bench.single_run import RunResult, check_unchanged, read_result, run_one
from zoo_bench.suite import (
    RunSpec,
    Suite,
    final_runs,
    images_to_show,
    parent_of,
    source_runs,
    trial_runs,
    write_suite,
)
from zoo_bench.table import Row, write_table

__all__ = ["RECIPES", "SUITE", "TABLE", "Progress", "collect", "run_suite", "tuned_settings"]

_LOCK = ".lock"
SUITE = "suite.toml"
TABLE = "table.csv"
RECIPES = "recipes"
_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a suite is. `finished` is the run that just ended, if any; `seconds_left` is None while unknown."""

    runs: int
    total_runs: int
    images: int
    total_images: int
    seconds_left: float | None
    running: tuple[str, ...]
    finished: str = ""
    status: str = ""


Watch = Callable[[Progress], None]


def run_suite(
    suite: Suite,
    root: Path,
    *,
    workers: int = 1,
    watch: Watch = lambda progress: None,
    executor: Executor | None = None,
) -> list[Row]:
    """Run every run of `suite` in the folder `root` and its table (`table.csv`, `recipes/`); returns the rows.

    Finished runs are only read, an interrupted one is resumed from its checkpoint, and the table is rewritten after
    each run. `workers` runs are executed at a time; `executor` replaces the local processes. Raises TrainingError after
    all others are done if runs failed for another reason than diverging (at once if a process was killed), ConfigError
    if the folder holds runs of other settings or another process runs a suite in it, StorageError if it cannot be
    written, and KeyboardInterrupt after Ctrl-C (with checkpoints written).
    """
    clock = _Clock(suite, root)
    failures: dict[str, BaseException] = {}
    # one suite in a folder at a time: a second one would restart the runs that the first one is about to make
    busy = ConfigError(f"another process is running a suite in {root}", "Wait for it, or give this one another --out.")
    lock = locked(root / _LOCK, busy, "Choose a folder that you may write to.")
    with lock, executor or _processes(workers) as pool:
        for stage in (
            lambda: [spec for spec in source_runs(suite) if parent_of(suite, spec) is None],
            lambda: [spec for spec in source_runs(suite) if parent_of(suite, spec) is not None],
            lambda: trial_runs(suite),
            lambda: _finals(suite, root),
        ):
            for spec in stage():
                check_unchanged(suite, root, spec)
            specs = [spec for spec in stage() if read_result(root, spec) is None]
            failures |= _run_all(suite, root, specs, pool, workers, clock, watch)
            if failures:
                break
    rows = collect(suite, root)
    if failures:
        first, error = next(iter(failures.items()))
        if any(isinstance(failure, BrokenExecutor) for failure in failures.values()):
            raise TrainingError(
                f"a process that made runs of {suite.name} was killed from outside, near {first}",
                "Was memory short? Run the suite again to go on, with fewer --workers if so.",
            ) from error
        what = error.message if isinstance(error, ZooError) else f"{type(error).__name__}: {error}"
        raise TrainingError(
            f"{len(failures)} runs of {suite.name} failed, the first: {first}: {what}",
            "The others are in the table. Run the suite again to go on.",
        ) from error
    return rows


def collect(suite: Suite, root: Path) -> list[Row]:
    """The rows of every finished run; writes the table, the recipes and the suite's settings."""
    rows: list[Row] = []
    sources = {spec.id: _with_parent_cost(suite, root, spec) for spec in source_runs(suite)}
    for spec in (*source_runs(suite), *trial_runs(suite), *_finals(suite, root)):
        result = read_result(root, spec)
        if result is None:
            continue
        rows += rows_of(suite, spec, result, sources.get(spec.source))
        recipe = root / RECIPES / f"{result.recipe[:16]}.toml"
        if not recipe.exists():
            write_atomically(recipe, (root / spec.id / "run" / "recipe.toml").read_bytes())
    write_atomically(root / TABLE, write_table(rows))
    write_atomically(root / SUITE, write_suite(suite))
    return rows


def _with_parent_cost(suite: Suite, root: Path, spec: RunSpec) -> RunResult | None:
    """An autoencoder's result, with the images and the cost of the one that it began with added."""
    result, parent = read_result(root, spec), parent_of(suite, spec)
    before = None if parent is None else read_result(root, parent)
    if result is None or before is None:
        return result
    return replace(result, cost=result.cost + before.cost, images=result.images + before.images)


def tuned_settings(suite: Suite, root: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What tuning chose, by (architecture, arm); empty until every trial of an arm is finished."""
    results: dict[tuple[str, str], list[tuple[RunSpec, RunResult | None]]] = {}
    for spec in trial_runs(suite):
        results.setdefault((spec.architecture, spec.arm), []).append((spec, read_result(root, spec)))
    tuned = {}
    for key, trials in results.items():
        finished = [(spec, result) for spec, result in trials if result is not None]
        if len(finished) == len(trials):
            tuned[key] = best_settings(finished)
    return tuned


def _finals(suite: Suite, root: Path) -> list[RunSpec]:
    return final_runs(suite, tuned_settings(suite, root))


def _run_all(
    suite: Suite, root: Path, specs: Sequence[RunSpec], pool: Executor, workers: int, clock: _Clock, watch: Watch
) -> dict[str, BaseException]:
    queue = list(reversed(specs))
    waiting: dict[Future[RunResult], RunSpec] = {}
    failures: dict[str, BaseException] = {}
    watch(clock.progress())
    while queue or waiting:
        while queue and len(waiting) < workers:  # no more: what is submitted would still start after a stop
            spec = queue.pop()
            try:
                waiting[pool.submit(run_one, suite, root, spec)] = spec
            except BrokenExecutor as broken:  # a killed process breaks its pool
                failures[spec.id] = broken
        done, _ = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            spec = waiting.pop(future)
            error = future.exception()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt
            if error is not None:
                failures[spec.id] = error
                watch(clock.progress(spec.id, "failed"))
            else:
                collect(suite, root)
                watch(clock.progress(spec.id, future.result().status))
        if not done:
            watch(clock.progress())
    return failures


class _Clock:
    """Counts images over the whole suite and estimates the time left from the pace since this process started it."""

    def __init__(self, suite: Suite, root: Path) -> None:
        self._root = root
        every = (*source_runs(suite), *trial_runs(suite), *final_runs(suite, {}))
        self._work = {spec.id: images_to_show(suite, spec) for spec in every}
        self._started = time.monotonic()
        self._shown_at_start = sum(self._shown().values())

    def progress(self, finished: str = "", status: str = "") -> Progress:
        shown = self._shown()
        images, total = sum(shown.values()), sum(self._work.values())
        pace = (images - self._shown_at_start) / max(time.monotonic() - self._started, 1e-9)
        done = [name for name in self._work if (self._root / name / "result.json").is_file()]
        running = tuple(name for name, count in shown.items() if count > 0 and name not in done)
        left = (total - images) / pace if pace > 0 else None
        return Progress(len(done), len(self._work), images, total, left, running, finished, status)

    def _shown(self) -> dict[str, int]:
        return {name: self._shown_by(name, images) for name, images in self._work.items()}

    def _shown_by(self, name: str, images: int) -> int:
        if (self._root / name / "result.json").is_file():
            return images
        events = self._root / name / "run" / "events.jsonl"
        if not events.is_file():
            return 0
        with events.open("rb") as file:
            file.seek(max(0, events.stat().st_size - 4096))
            lines = file.read().splitlines()
        for line in reversed(lines):
            try:
                return int(json.loads(line)["shown"])
            except (ValueError, KeyError, TypeError):
                continue  # cut off at the start of the window, or still being written
        return 0


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Worker processes: a process's CPU seconds are its run's. They end with this process, however it ends."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_exit_with_parent, initargs=(os.getpid(),))
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # the training loop writes a checkpoint first
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _exit_with_parent(parent: int) -> None:
    """In a worker: exit if the parent is gone, else two suites could write into one folder."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
