"""A checkpoint: one folder with safetensors and plain JSON, whole or absent, named by the images shown.

checkpoints/000025600/tensors.safetensors   weights, moving average, optimisers, random streams
checkpoints/000025600/state.json            images shown, the data order's position, the tensors' sha256
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.errors import IntegrityError, TrainingError
from zoo.files import write_folder_atomically
from zoo.tensors import pack, unpack

__all__ = ["KEPT", "latest", "load", "save"]

KEPT = 2
"""How many checkpoints a run keeps."""

_TENSORS = "tensors.safetensors"
_STATE = "state.json"


def save(folder: Path, shown: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Write the checkpoint of `shown` images and drop all but the last `KEPT`. Raises StorageError."""
    path = folder / f"{shown:012d}"
    data = pack(tensors, {})
    state = {"format": 1, "shown": shown, "sha256": hashlib.sha256(data).hexdigest(), "facts": facts}
    if path.exists():
        shutil.rmtree(path)
    write_folder_atomically(path, {_TENSORS: data, _STATE: json.dumps(state, sort_keys=True).encode()})
    for old in _all(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def latest(folder: Path) -> Path:
    """The newest checkpoint of a run. Raises TrainingError when there is none."""
    paths = _all(folder)
    if not paths:
        raise TrainingError(f"{folder} holds no checkpoint", "Start again: zoo train")
    return paths[-1]


def load(path: Path) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    """The images shown, the tensors and the facts. Raises IntegrityError when the bytes are not those written."""
    try:
        state = json.loads((path / _STATE).read_bytes())
        data = (path / _TENSORS).read_bytes()
        shown, digest, facts = int(state["shown"]), str(state["sha256"]), dict(state["facts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"checkpoint {path} cannot be read: {error}", "Remove it; the one before it is kept."
        ) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise IntegrityError(f"checkpoint {path / _TENSORS} was changed", "Remove it; the one before it is kept.")
    return shown, unpack(data, str(path / _TENSORS)), facts


def _all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal())
