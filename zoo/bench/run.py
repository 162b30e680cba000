"""Running a suite: autoencoders, then trials, then the runs that count. What was stopped goes on where it was."""

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

from zoo._utils.files import locked, write_atomically
from zoo.bench.cell import Result, read_result, refuse_other, run_cell
from zoo.bench.rows import choose, rows_of
from zoo.bench.suite import (
    Cell,
    Suite,
    begins_with,
    final_cells,
    images_to_show,
    source_cells,
    trial_cells,
    write_suite,
)
from zoo.bench.table import Row, write_table
from zoo.errors import ConfigError, TrainingError, ZooError
from zoo.training.run_dir import LOCK

__all__ = ["RECIPES", "SUITE", "TABLE", "Progress", "chosen_settings", "collect", "run_suite"]

SUITE = "suite.toml"
TABLE = "table.csv"
RECIPES = "recipes"
_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a suite is. `finished` is the cell that just ended, if any; `seconds_left` is None while unknown."""

    cells: int
    of_cells: int
    images: int
    of_images: int
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
    """Make every run of `suite` in the folder `root` and its table (`table.csv`, `recipes/`); returns the rows.

    Finished cells are only read, a run that was cut short goes on from its checkpoint, and the table is written anew
    after each cell. `workers` runs are made at a time; `executor` replaces the local processes. Raises TrainingError
    after all others are done when cells failed for another reason than diverging (at once when a process was killed),
    ConfigError when the folder holds runs of other settings or another process runs a suite in it, StorageError when it
    cannot be written, and KeyboardInterrupt after Ctrl-C (with checkpoints written).
    """
    clock = _Clock(suite, root)
    failures: dict[str, BaseException] = {}
    # one suite in a folder at a time: a second one would begin anew the runs that the first one is about to make
    busy = ConfigError(f"another process is running a suite in {root}", "Wait for it, or give this one another --out.")
    alone = locked(root / LOCK, busy, "Choose a folder that you may write to.")
    with alone, executor or _processes(workers) as pool:
        for stage in (
            lambda: [cell for cell in source_cells(suite) if begins_with(suite, cell) is None],
            lambda: [cell for cell in source_cells(suite) if begins_with(suite, cell) is not None],
            lambda: trial_cells(suite),
            lambda: _finals(suite, root),
        ):
            for cell in stage():
                refuse_other(suite, root, cell)
            cells = [cell for cell in stage() if read_result(root, cell) is None]
            failures |= _run_all(suite, root, cells, pool, workers, clock, watch)
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
    """The rows of every finished cell; writes the table and the recipes beside it."""
    rows: list[Row] = []
    sources = {cell.id: _booked(suite, root, cell) for cell in source_cells(suite)}
    for cell in (*source_cells(suite), *trial_cells(suite), *_finals(suite, root)):
        result = read_result(root, cell)
        if result is None:
            continue
        rows += rows_of(suite, cell, result, sources.get(cell.source))
        kept = root / RECIPES / f"{result.recipe[:16]}.toml"
        if not kept.exists():
            write_atomically(kept, (root / cell.id / "run" / "recipe.toml").read_bytes())
    write_atomically(root / TABLE, write_table(rows))
    write_atomically(root / SUITE, write_suite(suite))
    return rows


def _booked(suite: Suite, root: Path, cell: Cell) -> Result | None:
    """An autoencoder's result, with the images and the cost of the one that it began with added."""
    result, before = read_result(root, cell), begins_with(suite, cell)
    first = None if before is None else read_result(root, before)
    if result is None or first is None:
        return result
    return replace(result, cost=result.cost + first.cost, images=result.images + first.images)


def chosen_settings(suite: Suite, root: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What tuning chose, by (architecture, arm); empty until every trial of an arm is finished."""
    results: dict[tuple[str, str], list[tuple[Cell, Result | None]]] = {}
    for cell in trial_cells(suite):
        results.setdefault((cell.architecture, cell.arm), []).append((cell, read_result(root, cell)))
    chosen = {}
    for key, trials in results.items():
        finished = [(cell, result) for cell, result in trials if result is not None]
        if len(finished) == len(trials):
            chosen[key] = choose(finished)
    return chosen


def _finals(suite: Suite, root: Path) -> list[Cell]:
    return final_cells(suite, chosen_settings(suite, root))


def _run_all(
    suite: Suite, root: Path, cells: Sequence[Cell], pool: Executor, workers: int, clock: _Clock, watch: Watch
) -> dict[str, BaseException]:
    rest = list(reversed(cells))
    waiting: dict[Future[Result], Cell] = {}
    failures: dict[str, BaseException] = {}
    watch(clock.progress())
    while rest or waiting:
        while rest and len(waiting) < workers:  # no more: what is queued would still be begun after a stop
            cell = rest.pop()
            try:
                waiting[pool.submit(run_cell, suite, root, cell)] = cell
            except BrokenExecutor as broken:  # a process that was killed takes its pool along
                failures[cell.id] = broken
        done, _ = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            cell = waiting.pop(future)
            error = future.exception()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt
            if error is not None:
                failures[cell.id] = error
                watch(clock.progress(cell.id, "failed"))
            else:
                collect(suite, root)
                watch(clock.progress(cell.id, future.result().status))
        if not done:
            watch(clock.progress())
    return failures


class _Clock:
    """Counts images over the whole suite and reckons the time left from the pace since it began."""

    def __init__(self, suite: Suite, root: Path) -> None:
        self._root = root
        every = (*source_cells(suite), *trial_cells(suite), *final_cells(suite, {}))
        self._work = {cell.id: images_to_show(suite, cell) for cell in every}
        self._began = time.monotonic()
        self._at_first = sum(self._shown().values())

    def progress(self, finished: str = "", status: str = "") -> Progress:
        shown = self._shown()
        images, total = sum(shown.values()), sum(self._work.values())
        pace = (images - self._at_first) / max(time.monotonic() - self._began, 1e-9)
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
                continue  # cut short by the window or still being written
        return 0


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Processes of their own, so that CPU seconds are a run's; they end with this one, however it ends."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with, initargs=(os.getpid(),))
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # its loop writes a checkpoint first
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _end_with(parent: int) -> None:
    """In a worker: end when the parent is gone, else two suites would write into one folder."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
