"""Checkpoints: folders of safetensors and plain JSON, each whole or absent, named by the images shown.

checkpoints/000000025600/tensors.safetensors   weights, moving average, optimisers, random streams
checkpoints/000000025600/state.json            everything else (`State`), the tensors' sha256, and a sha256 of it all

The last two are kept, and the one with the best metric. Which one that is follows from the folders alone, so that no
kill can make it point elsewhere. One that is damaged is never used: a resumed run goes on from the one before it.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from zoo._utils.files import (
    hide,
    open_regular,
    remove_partial,
    rename,
    sha256_of,
    write_atomically,
    write_folder_atomically,
)
from zoo._utils.tensors import pack, unpack
from zoo.config import from_plain, to_plain
from zoo.errors import IntegrityError, TrainingError
from zoo.training.monitor import MonitorState

__all__ = [
    "KEPT",
    "Best",
    "Checkpoint",
    "Position",
    "Progress",
    "State",
    "all_checkpoints",
    "best",
    "latest_checkpoint",
    "latest_whole",
    "load",
    "prune",
    "read_state",
    "save",
    "set_aside",
]

KEPT = 2
"""How many checkpoints a run keeps, the best one not counted."""

_FORMAT = 2
_TENSORS = "tensors.safetensors"
_STATE = "state.json"
_METRICS = "metrics.json"
"""In checkpoints of format 1, which had no digest of the state."""


class Best(NamedTuple):
    """Which metric makes a checkpoint the best, and whether `lower` or `higher` is better."""

    metric: str
    better: str


@dataclass(frozen=True)
class Position:
    """Where the order of the data stands: the epoch, from 1 once it has begun, and the rows of it that were used."""

    epoch: int
    position: int


@dataclass(frozen=True)
class Progress:
    """What a run needs to continue besides tensors: the position in the data, and what the monitor has seen."""

    batches: Position
    watch: MonitorState


@dataclass(frozen=True)
class State:
    """All of a checkpoint but its tensors: the images shown, the sha256 of the tensors' file, the progress, the run's
    recipe as plain data, and the finite figures measured at this moment, by name."""

    shown: int
    tensors: str
    progress: Progress
    recipe: dict[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)


class Checkpoint(NamedTuple):
    """The images shown, the tensors and the state."""

    shown: int
    tensors: dict[str, Tensor]
    state: State


def save(
    folder: Path,
    shown: int,
    tensors: Mapping[str, Tensor],
    progress: Progress,
    recipe: Mapping[str, Any],
    *,
    metrics: Sequence[Mapping[str, Any]] = (),
    by: Best | None = None,
) -> Path:
    """Write the checkpoint of `shown` images with the metrics measured at this step; remove all but the last `KEPT` and
    the best `by` a metric. If a checkpoint for this step exists, only its metrics are updated. Raises StorageError."""
    path = folder / f"{shown:012d}"
    values = {str(row["name"]): float(row["value"]) for row in reversed(metrics) if math.isfinite(row["value"])}
    if not path.exists():
        data = pack(tensors, {})
        state = State(shown, sha256_of(data), progress, dict(recipe), values)
        write_folder_atomically(path, {_TENSORS: data, _STATE: _sealed(state)})
    elif values:
        write_atomically(path / _STATE, _sealed(replace(read_state(path), metrics=values)))
    prune(folder, by)
    return path


def prune(folder: Path, by: Best | None) -> None:
    """Remove all but the last `KEPT` checkpoints and the best `by` a metric, and what a kill left of others. Raises
    StorageError."""
    kept = {*all_checkpoints(folder)[-KEPT:], best(folder, by) if by else None}
    for path in all_checkpoints(folder):
        remove_partial(path)
        if path not in kept:
            hide(path)
    remove_partial(folder)


def all_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder `checkpoints`, oldest first, whole or damaged."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal())


def latest_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run. Raises TrainingError if there is none."""
    paths = all_checkpoints(folder)
    if not paths:
        raise TrainingError(f"{folder} holds no checkpoint", "Start again, with the same command: nothing is lost.")
    return paths[-1]


def latest_whole(folder: Path) -> tuple[Checkpoint, tuple[IntegrityError, ...]]:
    """The newest checkpoint that is whole, and what is wrong with those after it. Raises TrainingError if there is
    none at all, the newest one's IntegrityError if every one is damaged."""
    latest_checkpoint(folder)
    damaged: list[IntegrityError] = []
    for path in reversed(all_checkpoints(folder)):
        try:
            return load(path), tuple(damaged)
        except IntegrityError as error:
            damaged.append(error)
    raise damaged[0]


def set_aside(folder: Path, shown: int) -> None:
    """Rename the checkpoints of more than `shown` images to `NAME.damaged`: the run writes them again."""
    for path in all_checkpoints(folder):
        if int(path.name) > shown:
            aside = path.with_name(f"{path.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            rename(path, aside)


def best(folder: Path, by: Best) -> Path | None:
    """The checkpoint with the best value of a metric, the earlier of two equal ones; None if none has that metric."""
    values = {path: value for path in all_checkpoints(folder) if (value := _metric(path, by.metric)) is not None}
    if not values:
        return None
    return min(values, key=lambda path: values[path] if by.better == "lower" else -values[path])


def load(path: Path) -> Checkpoint:
    """The checkpoint in the folder `path`. Raises IntegrityError if any of it is not what was written."""
    state = read_state(path)
    try:
        data = _read(path / _TENSORS)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error}") from None
    if sha256_of(data) != state.tensors:
        raise _unusable(path, f"is damaged: {_TENSORS} is not what was written")
    return Checkpoint(state.shown, unpack(data, str(path / _TENSORS)), state)


def read_state(path: Path) -> State:
    """All of a checkpoint but its tensors. Raises IntegrityError if it is not what was written."""
    try:
        plain = json.loads(_read(path / _STATE))
        state = from_plain(State, _unsealed(plain, path), _STATE, error=IntegrityError)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise _unusable(path, f"is damaged: {error}".splitlines()[0]) from None
    if path.name != f"{state.shown:012d}":
        raise _unusable(path, f"is damaged: it is of {state.shown:,} images")
    return state


def _sealed(state: State) -> bytes:
    plain = to_plain(state)
    return json.dumps({"format": _FORMAT, "sha256": _digest(plain), "state": plain}, sort_keys=True).encode()


def _unsealed(plain: Any, path: Path) -> Any:
    """The plain state in a file of any format that this version reads. Raises IntegrityError."""
    what = plain.get("format") if isinstance(plain, dict) else None
    if what == 1:
        return _of_format_1(plain, path)
    if what != _FORMAT:
        raise IntegrityError(f"{_STATE} has the format {what!r:.40}; this zoo reads 1 and {_FORMAT}")
    if set(plain) != {"format", "sha256", "state"} or _digest(plain["state"]) != plain["sha256"]:
        raise IntegrityError(f"{_STATE} is not what was written")
    return plain["state"]


def _of_format_1(plain: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The state of a checkpoint of earlier versions, with its metrics out of a file of their own."""
    facts = plain.get("facts")
    if set(plain) != {"format", "shown", "sha256", "facts"} or not isinstance(facts, dict):
        raise IntegrityError(f"{_STATE} is not what was written")
    measured = {}
    if (path / _METRICS).exists():
        rows = json.loads(_read(path / _METRICS))
        try:
            measured = {row["name"]: row["value"] for row in reversed(rows) if math.isfinite(row["value"])}
        except (KeyError, TypeError):
            raise IntegrityError(f"{_METRICS} is not what was written") from None
    watch = dict(facts.get("watch") or {})
    watch["warned"] = watch.pop("told", [])
    progress = {"batches": facts.get("batches"), "watch": watch}
    values = {"shown": plain["shown"], "tensors": plain["sha256"], "progress": progress, "metrics": measured}
    return values | {"recipe": facts.get("recipe")}


def _digest(plain: Any) -> str:
    return sha256_of(json.dumps(plain, sort_keys=True).encode())


def _unusable(path: Path, why: str) -> IntegrityError:
    """The error for a damaged checkpoint, with the command that continues from the one before it."""
    before = [other for other in all_checkpoints(path.parent) if other < path]
    hint = "There is none before it. Start again, with another --out."
    if before:
        run = path.parent.parent
        hint = f"Continue from the one before, of {int(before[-1].name):,} images: zoo resume {run}"
    return IntegrityError(f"checkpoint {path} {why}", hint)


def _metric(path: Path, metric: str) -> float | None:
    """The value of a metric; None if the checkpoint has none, or is damaged."""
    try:
        return read_state(path).metrics.get(metric)
    except IntegrityError:
        return None


def _read(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError for a pipe, a link or a device."""
    with open_regular(path) as file:
        return file.read()
