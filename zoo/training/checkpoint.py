"""Checkpoints: folders of safetensors and plain JSON, each whole or absent, named by the images shown.

checkpoints/000000025600/tensors.safetensors   weights, moving average, optimisers, random streams
checkpoints/000000025600/state.json            images shown, the data order's position, the recipe, the tensors' sha256
checkpoints/000000025600/metrics.json          what was measured at this moment, if something was

The last two are kept, and the one with the best metric. Which one that is follows from the folders alone, so that no
kill can make it point elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from zoo._utils.files import write_atomically, write_folder_atomically
from zoo._utils.tensors import pack, unpack
from zoo.errors import IntegrityError, TrainingError

__all__ = ["KEPT", "Best", "best", "facts_of", "latest_checkpoint", "load", "save", "tidy", "unusable"]

KEPT = 2
"""How many checkpoints a run keeps, the best one not counted."""

_TENSORS = "tensors.safetensors"
_STATE = "state.json"
_METRICS = "metrics.json"


class Best(NamedTuple):
    """Which metric makes a checkpoint the best, and whether `lower` or `higher` is better."""

    metric: str
    better: str


def save(
    folder: Path,
    shown: int,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    *,
    metrics: Sequence[Mapping[str, Any]] = (),
    by: Best | None = None,
) -> Path:
    """Write the checkpoint of `shown` images with the metrics measured at this step; remove all but the last `KEPT` and
    the best `by` a metric. If a checkpoint for this step exists, only its metrics are updated. Raises StorageError."""
    path = folder / f"{shown:012d}"
    measured = {_METRICS: json.dumps(list(metrics), sort_keys=True).encode()} if metrics else {}
    if not path.exists():
        data = pack(tensors, {})
        state = {"format": 1, "shown": shown, "sha256": hashlib.sha256(data).hexdigest(), "facts": facts}
        files = {_TENSORS: data, _STATE: json.dumps(state, sort_keys=True).encode(), **measured}
        write_folder_atomically(path, files)
    elif measured:
        write_atomically(path / _METRICS, measured[_METRICS])
    kept = {*_all(folder)[-KEPT:], best(folder, by) if by else None}
    for old in _all(folder):
        if old not in kept:
            _hide(old)
    tidy(folder)
    return path


def tidy(folder: Path) -> None:
    """Remove folders that a kill left half-written or half-removed."""
    for partial in folder.glob(".*.partial") if folder.is_dir() else ():
        shutil.rmtree(partial, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run. Raises TrainingError if there is none."""
    paths = _all(folder)
    if not paths:
        raise TrainingError(f"{folder} holds no checkpoint", "Start again, with the same command: nothing is lost.")
    return paths[-1]


def best(folder: Path, by: Best) -> Path | None:
    """The checkpoint with the best value of a metric, the earlier of two equal ones; None if none has that metric."""
    values = {path: value for path in _all(folder) if (value := _metric(path, by.metric)) is not None}
    if not values:
        return None
    return min(values, key=lambda path: values[path] if by.better == "lower" else -values[path])


def facts_of(path: Path) -> tuple[int, str, dict[str, Any]]:
    """The images shown, the tensors' sha256 and the facts, without the tensors. Raises IntegrityError."""
    try:
        state = json.loads((path / _STATE).read_bytes())
        return int(state["shown"]), str(state["sha256"]), dict(state["facts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unusable(path, f"cannot be read: {error}") from None


def unusable(path: Path, why: str) -> IntegrityError:
    """The error for a damaged checkpoint, with the command that continues from the one before it."""
    before = [other for other in _all(path.parent) if other < path]
    if not before:
        return IntegrityError(f"checkpoint {path} {why}", "There is none before it. Start again, with another --out.")
    return IntegrityError(
        f"checkpoint {path} {why}",
        f"Continue from the one before, of {int(before[-1].name):,} images: "
        f"rm -r {path}; zoo resume {path.parent.parent}",
    )


def load(path: Path) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    """The images shown, the tensors and the facts. Raises IntegrityError if the bytes are not those written."""
    shown, digest, facts = facts_of(path)
    try:
        data = (path / _TENSORS).read_bytes()
    except OSError as error:
        raise unusable(path, f"cannot be read: {error}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise unusable(path, f"is broken: {_TENSORS} is not what was written")
    return shown, unpack(data, str(path / _TENSORS)), facts


def _all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal())


def _metric(path: Path, metric: str) -> float | None:
    """The value of a metric; None if the checkpoint has none that is a finite number."""
    try:
        rows = json.loads((path / _METRICS).read_bytes())
        values = [float(row["value"]) for row in rows if row["name"] == metric]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return values[0] if values and math.isfinite(values[0]) else None


def _hide(path: Path) -> None:
    """Rename in one step, so that a half-removed folder is never taken for a checkpoint."""
    os.rename(path, path.parent / f".{path.name}.{secrets.token_hex(6)}.partial")
