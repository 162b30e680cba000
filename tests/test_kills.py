"""SIGKILL at any moment loses at most the images since the last checkpoint, and changes nothing else."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder

import zoo
from zoo.training import api as runs, checkpoint
from zoo.types import Metric

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forks")

TRAINING = {"batch": 16, "checkpoint_every": 64, "sample_every": 128, "augment": "translation"}


class Nothing:
    """Figures without a feature network: what is measured is not the point here."""

    space, extractor = None, "toy@0"

    def measure(self, samples: torch.Tensor) -> list[Any]:
        return [Metric("kid", samples.double().mean().item(), len(samples), 9, "blobs", "held out", "toy@0")]


def go_on(data: Path, out: Path, images: int, prepare: Callable[[], None]) -> None:
    """What a user does after each kill: continue, or begin again where there is no checkpoint yet."""
    prepare()
    if list(out.glob("checkpoints/[0-9]*")):
        zoo.resume(out)
    else:
        model = zoo.gan(like=autoencoder("mlp", seed=3))
        zoo.train(model, str(data), out=out, images=images, training=TRAINING, evaluation={"samples": 8, "every": 160})


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "reference", lambda images, metric, device: Nothing())


def begin(data: Path, out: Path, images: int, prepare: Callable[[], None] = lambda: None) -> Any:
    process = multiprocessing.get_context("fork").Process(target=go_on, args=(data, out, images, prepare))
    process.start()
    return process


def die_at(operation: int) -> Callable[[], None]:
    """SIGKILL in place of that file operation: writes are where a kill could do harm."""

    def prepare() -> None:
        done = 0

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def run(*arguments: Any, **others: Any) -> Any:
                nonlocal done
                done += 1
                if done == operation:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **others)

            return run

        for name in ("fsync", "replace", "rename", "rmdir", "unlink"):
            setattr(os, name, counted(getattr(os, name)))

    return prepare


def same(one: Path, other: Path) -> bool:
    """The whole of both runs' last state, bit for bit, the same figures, and the same checkpoints kept."""
    left, right = (checkpoint.load(checkpoint.latest_checkpoint(run / "checkpoints"))[1] for run in (one, other))
    names = [sorted(path.name for path in (run / "checkpoints").iterdir()) for run in (one, other)]
    figures = [zoo.open_run(run).metrics for run in (one, other)]
    return (
        left.keys() == right.keys()
        and all(torch.equal(left[key], right[key]) for key in left)
        and names[0] == names[1]
        and figures[0] == figures[1]
    )


def test_five_kills_at_random_file_operations_change_nothing(images_file: Path, tmp_path: Path) -> None:
    images, seed = 640, random.randrange(10**6)
    rng = random.Random(seed)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    go_on(images_file, whole, images, lambda: None)
    kills = 0
    while kills < 5:
        process = begin(images_file, cut, images, die_at(rng.randint(1, 40)))
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"seed {seed}: it ended with {process.exitcode}"
        kills += 1
    last = begin(images_file, cut, images)
    last.join()
    assert last.exitcode == 0, f"seed {seed}"
    assert same(whole, cut), f"seed {seed}"


@pytest.mark.long
def test_fifty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    """From outside, by the clock: in the middle of steps, evaluations, grids and writes."""
    rng = random.Random(time.time_ns())
    data = tmp_path / "blobs.npz"
    np.savez(data, images=np.random.default_rng(0).integers(0, 255, (96, 8, 8), dtype="uint8"))
    images, whole, cut = 32_000, tmp_path / "whole", tmp_path / "cut"
    go_on(data, tmp_path / "warm", 64, lambda: None)
    began = time.monotonic()
    begin(data, whole, images).join()
    longest = 1.2 * (time.monotonic() - began) / 50
    kills, shown = 0, []
    while kills < 50:
        process = begin(data, cut, images)
        process.join(0.15 + rng.uniform(0, longest))
        if process.exitcode is not None:
            break
        process.kill()
        process.join()
        kills += 1
        found = sorted((cut / "checkpoints").glob("[0-9]*"))
        shown.append(int(found[-1].name) if found else 0)
    begin(data, cut, images).join()
    print(f"{kills} kills, the checkpoints then: {shown}")
    assert kills == 50
    assert shown == sorted(shown)
    assert len(set(shown)) > 10
    assert same(whole, cut)
