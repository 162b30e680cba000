"""A run's folder:

recipe.toml                        everything needed to train again
events.jsonl                       one event a line
checkpoints/                       the last ones and the best one
samples/                           grids of fixed codes, by images shown
data.json, held_out.safetensors    what a release needs of the images (`zoo.training.image_sample`)
source.safetensors, report.json    of a transfer: the autoencoder, and the origin of each tensor
source.NAME.safetensors            of a transfer: its further source of that name
.lock                              locked by the process that trains, so that there is only one
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo._utils import launch
from zoo._utils.files import locked, remove, remove_partial, write_atomically
from zoo.errors import ConfigError, IntegrityError, StorageError, ZooError
from zoo.training.events import read_events
from zoo.training.recipe import Recipe, read_recipe, write_recipe
from zoo.types import Event, Watcher

__all__ = ["EVENTS", "LOCK", "RECIPE", "REPORT", "RunDirectory", "autoencoder_run_dir", "is_run"]

RECIPE = "recipe.toml"
EVENTS = "events.jsonl"
REPORT = "report.json"
LOCK = ".lock"


def autoencoder_run_dir(run: Path) -> Path:
    """The run in which `zoo transfer --adapt` trains the autoencoder before the GAN's run in the folder `run`."""
    return run.with_name(f"{run.name}-autoencoder")


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run and not a release (which has a recipe too)."""
    return (folder / RECIPE).is_file() and not (folder / "zoo.json").exists()


class RunDirectory:
    """Reads and writes a run's folder, and calls the watchers with its events. It is `silent`, and writes nothing, in
    every process but the first of those that train together."""

    def __init__(self, folder: Path, watchers: tuple[Watcher, ...] = ()) -> None:
        self.folder = folder
        self.silent = not launch.is_rank_zero()
        self.watchers = () if self.silent else watchers

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder while the block runs. Raises ConfigError if another process has locked it, StorageError if
        it cannot be written."""
        if self.silent:
            yield
            return
        busy = ConfigError(
            f"another process is training in {self.folder}", "See how far it is: zoo runs show; or stop it first."
        )
        elsewhere = "Choose a folder that you may write to; a run that lies here can be copied there, and resumed."
        with locked(self.folder / LOCK, busy, elsewhere):
            yield

    def begin(self, recipe: Recipe) -> None:
        """Make the folder. Raises ConfigError if it already holds a run, StorageError if it cannot be written.

        A run that was killed before its first checkpoint has nothing to lose and is begun again.
        """
        if self.silent:
            return
        self.require_free()
        remove(self.folder / EVENTS)
        write_atomically(self.folder / RECIPE, write_recipe(recipe))

    def require_free(self) -> None:
        """Raises ConfigError if the folder holds a run with a checkpoint."""
        if (self.folder / RECIPE).exists() and any(self.checkpoints.glob("[0-9]*")):
            raise ConfigError(
                f"{self.folder} already holds a run", f"Continue it: zoo resume {self.folder}; or choose another --out."
            )

    def keep(self, name: str, data: bytes) -> None:
        """Write a file of the folder, whole. Raises StorageError."""
        if not self.silent:
            write_atomically(self.folder / name, data)

    def tidy(self) -> None:
        """Remove what writes that were killed left in the folder, which this process has locked."""
        if not self.silent:
            for folder in (self.folder, self.folder / "samples"):
                remove_partial(folder)

    def recipe(self) -> Recipe:
        """The run's recipe. Raises ConfigError if the folder holds no run."""
        if not (self.folder / RECIPE).is_file():
            raise ConfigError(f"{self.folder} holds no run", "Give the folder that --out named.")
        return read_recipe(self.folder / RECIPE)

    def set_accumulation(self, parts: int) -> None:
        """Cut every batch into so many parts from here on, also after the run is resumed."""
        recipe = self.recipe()
        self.keep(RECIPE, write_recipe(replace(recipe, engine=replace(recipe.engine, accumulate=parts))))

    def write(self, event: Event) -> None:
        """Append the event, with the time, and call the watchers."""
        if self.silent:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"kind": event.kind, "shown": event.shown, "total": event.total, "time": now, **event.facts}
        path = self.folder / EVENTS
        before = None
        try:
            with path.open("ab") as file:
                before = file.tell()
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            with suppress(OSError):
                if before is not None:  # half a line would spoil the next one
                    os.truncate(path, before)
            raise StorageError(f"cannot write {path}: {error.strerror}", "Free some space.") from error
        for watcher in self.watchers:
            watcher(event)

    @contextmanager
    def record_outcome(self, total: int) -> Iterator[None]:
        """Write an event if the block does not end as planned: `stopped` on Ctrl-C or SIGTERM, `failed` on an error."""
        try:
            yield
        except KeyboardInterrupt:
            self._write_end("stopped", total, {})
            raise
        except StorageError as error:
            self._write_end("failed", total, {"error": error.message})
            raise StorageError(
                error.message,
                f"Free some space, or see to the folder's rights; then continue: zoo resume {self.folder}",
            ) from error
        except Exception as error:
            what = error.message if isinstance(error, ZooError) else f"{type(error).__name__}: {error}"
            self._write_end("failed", total, {"error": what})
            raise

    def _write_end(self, kind: str, total: int, facts: dict[str, str]) -> None:
        shown = max((line["shown"] for line in self.lines()), default=0)
        with suppress(StorageError):  # the first error is the one to report
            self.write(Event(kind, shown, total, facts))

    def forget_after(self, shown: int, total: int) -> None:
        """Drop the events that a run resumed at `shown` images writes again: those after it, and at 0 images all but
        notes and starts. Lines that are no events are left out too, with a warning and a copy of the file."""
        path = self.folder / EVENTS
        if not path.exists() or self.silent:
            return
        events, bad = read_events(path)
        if bad:
            self.keep(f"{EVENTS}.damaged", path.read_bytes())
        kept = [line for line in events if not _is_written_again(line, shown)]
        self.keep(EVENTS, "".join(json.dumps(line) + "\n" for line in kept).encode())
        if bad:
            what = _bad_lines(path, bad)
            advice = f"Left out; the file as it was is {EVENTS}.damaged."
            self.write(Event("warning", shown, total, {"warning": "events", "what": what, "advice": advice}))

    def write_checkpoint(self, shown: int, total: int, weights: str) -> None:
        """Write the event of a checkpoint; `weights` is the digest of all that is trained."""
        path = self.checkpoints / f"{shown:012d}"
        facts = {"path": str(path.relative_to(self.folder)), "weights": weights}
        self.write(Event("checkpoint", shown, total, facts))

    def write_damaged(self, damaged: Sequence[ZooError], shown: int, total: int) -> None:
        """Write a warning if there are damaged checkpoints, and training goes on from the one of `shown` images."""
        if damaged:
            what = "; ".join(error.message for error in damaged)
            advice = f"Going on from the checkpoint before, of {shown:,} images."
            self.write(Event("warning", shown, total, {"warning": "checkpoint", "what": what, "advice": advice}))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, oldest first."""
        return [line for line in self.lines() if line["kind"] == kind]

    def report(self) -> list[dict[str, Any]]:
        """The origin of each tensor; empty for a run from scratch. Raises IntegrityError."""
        path = self.folder / REPORT
        if not path.exists():
            return []
        try:
            rows = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise IntegrityError(f"{path} cannot be read: {error}", "Put back the file that the run wrote.") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise IntegrityError(f"{path} is no report", "Put back the file that the run wrote.")
        return rows

    def sample_path(self, shown: int) -> Path:
        """The grid after `shown` images."""
        return self.folder / "samples" / f"{shown:012d}.png"

    def lines(self) -> list[dict[str, Any]]:
        """Every event, oldest first, as plain data; what is no event is left out. Raises ConfigError if the file cannot
        be read."""
        return read_events(self.folder / EVENTS).events

    def bad_lines(self) -> str:
        """Which lines of the file are no events, in one sentence; empty if all are."""
        path = self.folder / EVENTS
        bad = read_events(path).bad
        return _bad_lines(path, bad) if bad else ""


def _is_written_again(line: Mapping[str, Any], shown: int) -> bool:
    if line["kind"] == "end" or line["shown"] > shown:
        return True
    return shown == 0 and line["kind"] not in ("note", "start")


def _bad_lines(path: Path, bad: Sequence[int]) -> str:
    numbers = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
    return f"line {numbers} of {path} is not an event" if len(bad) == 1 else f"lines {numbers} of {path} are not events"
