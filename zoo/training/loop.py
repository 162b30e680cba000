"""The loop: shows batches to a trainee until the budget is spent, and keeps the record.

What it writes at any moment is whole, so a run that is killed loses at most the images since its last
checkpoint. Ctrl-C and SIGTERM end it at the next step, with a checkpoint. Where several processes train together,
each runs this loop; the first one writes.
"""

from __future__ import annotations

import math
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from zoo._utils import distributed
from zoo.data.batches import Batches
from zoo.errors import Diverged
from zoo.training import checkpoint, out_of_memory as memory
from zoo.training.monitor import TrainingMonitor
from zoo.training.run_dir import RunDirectory
from zoo.training.trainer import Trainer, restore, training_state
from zoo.types import Event

__all__ = ["Budget", "Interrupted", "SaveCheckpoint", "train", "watch_over"]

SaveCheckpoint = Callable[[int, dict[str, Tensor], dict[str, Any], Sequence[Mapping[str, Any]]], Path]
"""Writes the checkpoint of so many images shown: tensors, facts, and the figures measured at that moment."""

_TICK_SECONDS = 0.5
_TICK_STEPS = 200
"""How long, and how many steps, the losses may stay unread on the device."""


_AGREE_STEPS = 16
"""After how many steps several processes ask each other whether one was told to stop."""


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; it has a checkpoint."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many images to show, and after how many to write what. `evaluate_at` are counts of images shown."""

    images: int
    checkpoint_every: int
    sample_every: int
    evaluate_at: Sequence[int] = ()


def train(
    trainer: Trainer,
    batches: Batches,
    budget: Budget,
    run_dir: RunDirectory,
    watch: TrainingMonitor,
    *,
    shown: int = 0,
    draw: Callable[[Tensor, int], None],
    evaluate: Callable[[int], dict[str, Any]],
    keep: SaveCheckpoint,
) -> int:
    """Train until `budget.images` are shown; returns how many were.

    `draw(images, shown)` writes a grid, `evaluate(shown)` gives figures for a metrics event, `keep` writes a checkpoint
    (of every evaluation, so that the best one can be kept). Raises Diverged when a loss or weight is no longer finite
    (the last good checkpoint stays), OutOfMemory when a batch does not fit and may not be cut into parts, StorageError,
    or Interrupted.
    """
    pending: list[dict[str, Tensor]] = []
    began = last = time.monotonic()
    began_at = last_at = shown

    def tick() -> None:
        nonlocal last, last_at
        if not pending:
            return
        facts: dict[str, Any] = _means(pending)
        pending.clear()
        now = time.monotonic()
        facts["images_per_second"] = round((shown - last_at) / max(now - last, 1e-9), 1)
        last, last_at = now, shown
        _refuse_nan(facts, shown, run_dir)
        run_dir.write(Event("tick", shown, budget.images, facts))
        warn(watch.tick(facts, shown))

    def warn(warnings: list[dict[str, str]]) -> None:
        for warning in warnings:
            run_dir.write(Event("warning", shown, budget.images, warning))

    def save(metrics: Sequence[Mapping[str, Any]] = ()) -> None:
        tick()
        _refuse_broken_weights(trainer, shown, run_dir)
        distributed.require_same(trainer.modules)
        if run_dir.silent:
            return
        path = keep(shown, *training_state(trainer, batches, watch), metrics)
        run_dir.write(Event("checkpoint", shown, budget.images, {"path": str(path.relative_to(run_dir.folder))}))

    def due(every: int, before: int) -> bool:
        return shown // every > before // every

    def save_samples() -> None:
        if run_dir.silent:
            return
        samples = trainer.preview()
        draw(samples, shown)
        run_dir.write(Event("sample", shown, budget.images, {"path": str(run_dir.sample_path(shown))}))
        if shown:
            warn(watch.spread(samples.std(0, unbiased=False).mean().item()))

    def measure() -> Sequence[Mapping[str, Any]]:
        if run_dir.silent:
            return ()
        facts = evaluate(shown)
        run_dir.write(Event("metrics", shown, budget.images, facts))
        figures: list[dict[str, Any]] = facts.get("metrics", [])
        warn(watch.measured({figure["name"]: figure["value"] for figure in figures}, shown))
        return figures

    def recover_from_oom() -> None:
        """After a batch that did not fit: go back to the last checkpoint, and on in more parts, or say what fits."""
        nonlocal shown, last, last_at
        if distributed.world_size() > 1:
            raise memory.refuse_together(trainer, rows, shown, run_dir.folder)
        engine = trainer.engine
        parts = memory.fitting(trainer, rows, shown)
        trouble = memory.out_of_memory(len(rows), parts, engine.device, run_dir.folder)
        if parts is None or engine.settings.when_full == "stop":
            raise trouble
        pending.clear()
        shown = restore(trainer, batches, watch, checkpoint.latest(run_dir.checkpoints))
        run_dir.forget_after(shown)
        run_dir.set_accumulation(parts)
        warn([{"warning": "memory", "what": trouble.message, "advice": f"Going on with accumulate = {parts}."}])
        last, last_at = time.monotonic(), shown

    def stopping(steps: int) -> bool:
        if distributed.world_size() == 1:
            return asked_to_stop()
        return steps % _AGREE_STEPS == 0 and distributed.any_rank(asked_to_stop(), trainer.engine.device)

    where = {
        "device": str(trainer.engine.device),
        "processes": distributed.world_size(),
        "accumulate": trainer.engine.accumulate,
    }
    run_dir.write(Event("start", shown, budget.images, {"host": platform.node(), "pid": os.getpid(), **where}))
    if shown == 0:
        save()
        save_samples()
        if 0 in budget.evaluate_at:
            save(measure())
    steps = 0
    with _stop_on_signal() as asked_to_stop:
        while shown < budget.images:
            before = shown
            rows = batches.next()
            scalars = _step(trainer, rows, shown)
            if scalars is None:
                recover_from_oom()
                continue
            pending.append(scalars)
            shown += len(rows)
            steps += 1
            if len(pending) >= _TICK_STEPS or time.monotonic() - last > _TICK_SECONDS:
                tick()
            if due(budget.sample_every, before) or shown >= budget.images:
                save_samples()
            figures: Sequence[Mapping[str, Any]] = ()
            measured = any(before < at <= shown for at in budget.evaluate_at)
            if measured:
                tick()
                figures = measure()
                last, last_at = time.monotonic(), shown
            stop = stopping(steps)
            if stop or measured or due(budget.checkpoint_every, before) or shown >= budget.images:
                save(figures)
                stop = stop or stopping(steps)
            if stop and shown < budget.images:
                raise Interrupted
    seconds = round(time.monotonic() - began, 2)
    run_dir.write(Event("end", shown, budget.images, {"seconds": seconds, "from": began_at}))
    return shown


def _step(trainer: Trainer, rows: Tensor, shown: int) -> dict[str, Tensor] | None:
    """A step's scalars; None where memory ran out, with all that the step held let go."""
    try:
        return trainer.step(rows, shown)
    except (MemoryError, RuntimeError) as error:
        if not memory.ran_out(error):
            raise
        return None


def watch_over(trainer: Trainer, images: int) -> TrainingMonitor:
    """A watch for a run that shows so many images, which knows how real ones vary where the trainee does."""
    return TrainingMonitor(images, getattr(trainer, "real_std", None))


def _means(pending: list[dict[str, Tensor]]) -> dict[str, float]:
    keys = dict.fromkeys(key for scalars in pending for key in scalars)
    columns = {key: torch.stack([scalars[key] for scalars in pending if key in scalars]).mean() for key in keys}
    return {key: float(f"{value:.6g}") for key, value in columns.items()}


def _refuse_nan(facts: dict[str, Any], shown: int, run_dir: RunDirectory) -> None:
    broken = [key for key, value in facts.items() if not math.isfinite(value)]
    if broken:
        raise _diverged(f"{broken[0]} is {facts[broken[0]]}", shown, run_dir)


def _refuse_broken_weights(trainer: Trainer, shown: int, run_dir: RunDirectory) -> None:
    for name, module in trainer.modules.items():
        for key, value in module.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise _diverged(f"{name}.{key} is not finite", shown, run_dir)


def _diverged(what: str, shown: int, run_dir: RunDirectory) -> Diverged:
    return Diverged(
        f"training diverged after {shown:,} images: {what}",
        f"Lower the learning rate or raise the regulariser's gamma. The last good checkpoint: {run_dir.checkpoints}",
    )


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM asks to stop after this step; a second Ctrl-C stops at once."""
    asked = threading.Event()

    def handle(signum: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
