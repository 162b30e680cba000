"""What the program wrote itself and reads again: checkpoints of a run, and encoded images in the cache."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

import zoo
from attack.arena import Action, Family
from attack.damage import damage_folder
from attack.judge import command
from zoo.encoding.store import CodeStore, encoded_sets
from zoo.training import checkpoint

__all__ = ["CACHES", "CHECKPOINTS"]

_CODES = torch.arange(300 * 32, dtype=torch.float32).reshape(300, 2, 4, 4).sin().to(torch.float16)


def _make_run(place: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8), dtype=np.uint8)
    np.savez(place / "x.npz", images=images)
    width = {"component": "dcgan", "config": {"width": 4}}
    gan = zoo.gan(width, width, shape=(1, 8, 8), code_shape=4)
    training = {"batch": 8, "checkpoint_every": 16, "sample_every": 64}
    with patch.object(checkpoint, "KEPT", 3):  # so that there is one before a damaged one
        zoo.train(gan, place / "x.npz", out=place / "run", images=48, training=training)
    shutil.copytree(place / "run", place / "whole")
    for path in (place / "run" / "checkpoints").iterdir():
        if int(path.name) == 48:
            shutil.rmtree(path)


def _damage_run(place: Path, rng: random.Random) -> str:
    state = rng.getstate()
    damage_folder(place / "run" / "checkpoints", rng)
    rng.setstate(state)
    return damage_folder(place / "whole" / "checkpoints", rng)


def _resume(place: Path) -> object:
    command("resume", str(place / "run"), "-q")(place)
    last = max((place / "run" / "checkpoints").iterdir(), key=lambda path: path.name)
    return last.name, (last / "tensors.safetensors").read_bytes()


def _run_action(rng: random.Random) -> tuple[str, Action]:
    return rng.choice((("resume", _resume), ("check", command("runs", "check", "{}/whole"))))


CHECKPOINTS = Family("checkpoints", _make_run, _damage_run, _run_action, pinned=True)


@contextmanager
def _cache_in(place: Path) -> Iterator[CodeStore]:
    before = os.environ["ZOO_CACHE"]
    os.environ["ZOO_CACHE"] = str(place / "cache")
    try:
        yield CodeStore("k" * 32, "photos", "stage", len(_CODES), (2, 4, 4))
    finally:
        os.environ["ZOO_CACHE"] = before


def _fill(store: CodeStore) -> None:
    done = store.resume()
    while done < len(_CODES):
        end = min(done + store.facts.rows_per_file, len(_CODES))
        store.append(_CODES[done:end])
        done = end


def _make_cache(place: Path) -> None:
    with _cache_in(place) as store:
        _fill(store)


def _codes(place: Path) -> object:
    """Encoding goes on from what is whole, and gives the same codes."""
    with _cache_in(place) as store:
        _fill(store)
        step = store.facts.rows_per_file
        rows = [store.read(at, min(at + step, len(_CODES))) for at in range(0, len(_CODES), step)]
        return torch.cat(rows).numpy().tobytes()


def _listed(place: Path) -> object:
    with _cache_in(place):
        sets = encoded_sets()
        command("cache", "ls")(place)
        return [one.facts for one in sets if one.facts.whole and not isinstance(one.facts.images, str)]


def _cache_action(rng: random.Random) -> tuple[str, Action]:
    return rng.choice((("encode", _codes), ("encode", _codes), ("list", _listed)))


CACHES = Family(
    "caches",
    _make_cache,
    lambda place, rng: damage_folder(place / "cache" / "encoded", rng),
    _cache_action,
    pinned=True,
)
