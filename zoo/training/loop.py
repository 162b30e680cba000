"""The training loop: feeds batches to a trainer until the budget is spent, and writes events and checkpoints.

Everything on disk is whole at any moment, so a run that is killed loses at most the images since its last checkpoint.
Ctrl-C and SIGTERM end it after the current step, with a checkpoint. If several processes train together, each runs this
loop, and the first one writes.
"""

from __future__ import annotations

import functools
import math
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from zoo._utils import distributed
from zoo.config import to_plain
from zoo.data.batches import Batches
from zoo.errors import Diverged
from zoo.training import checkpoint
from zoo.training.monitor import TrainingMonitor
from zoo.training.out_of_memory import fitting_micro_batches, is_out_of_memory, out_of_memory, stop_all_ranks
from zoo.training.provenance import environment, traced_digest
from zoo.training.run_dir import RunDirectory
from zoo.training.trainer import Trainer, restore, seeded_step, training_state
from zoo.types import Event

__all__ = ["Budget", "Callbacks", "Interrupted", "TrainingLoop"]

_TICK_SECONDS = 0.5
_TICK_STEPS = 200
"""How long, and for how many steps, scalars may stay on the device."""

_STOP_STEPS = 16
"""After how many steps several processes ask each other whether one was asked to stop."""


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; it has a checkpoint."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many images to show, and how often to write what. `evaluate_at` are counts of images shown."""

    images: int
    checkpoint_every: int
    sample_every: int
    evaluate_at: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the loop does not know how to do. All take the count of images shown.

    `draw(samples, shown)` writes a grid. `evaluate(shown)` returns the facts of a metrics event. `save(shown, tensors,
    progress, metrics)` writes a checkpoint with the metrics measured at that moment.
    """

    draw: Callable[[Tensor, int], None]
    evaluate: Callable[[int], dict[str, Any]]
    save: Callable[[int, dict[str, Tensor], checkpoint.Progress, Sequence[Mapping[str, Any]]], object]


class TrainingLoop:
    """Trains from `shown` images until `budget.images` are shown."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        budget: Budget,
        run_dir: RunDirectory,
        monitor: TrainingMonitor,
        callbacks: Callbacks,
        *,
        shown: int = 0,
    ) -> None:
        self.trainer = trainer
        self.batches = batches
        self.budget = budget
        self.run_dir = run_dir
        self.monitor = monitor
        self.callbacks = callbacks
        self.shown = shown
        self._pending: list[dict[str, Tensor]] = []
        self._restart_clock()

    def run(self) -> int:
        """Train; returns the images shown. Raises Diverged if a loss or weight is no longer finite (the last good
        checkpoint stays), OutOfMemory if a batch does not fit and may not be split, StorageError, or Interrupted."""
        start, start_shown = time.monotonic(), self.shown
        self._write_start()
        if self.shown == 0:
            self._save_checkpoint()
            self._save_samples()
            if 0 in self.budget.evaluate_at:
                self._save_checkpoint(self._evaluate())
        steps = 0
        with _stop_on_signal() as asked_to_stop:
            while self.shown < self.budget.images:
                if not self._step():
                    continue
                steps += 1
                stop = self._write_what_is_due(functools.partial(self._stops, steps, asked_to_stop))
                if stop and self.shown < self.budget.images:
                    raise Interrupted
        self._write("end", {"seconds": round(time.monotonic() - start, 2), "from": start_shown})
        return self.shown

    def _step(self) -> bool:
        """Train on the next batch. False if memory ran out: then the last checkpoint was restored."""
        rows = self.batches.next()
        self._before = self.shown
        scalars = _scalars_or_none(self.trainer, rows, self.shown)
        if scalars is None:
            self._recover_from_oom(rows)
            return False
        self._pending.append(scalars)
        self.shown += len(rows)
        if len(self._pending) >= _TICK_STEPS or time.monotonic() - self._tick_time > _TICK_SECONDS:
            self._tick()
        return True

    def _write_what_is_due(self, stops: Callable[[], bool]) -> bool:
        """Samples, metrics and a checkpoint, each if it is due after this step. Returns whether to stop."""
        last = self.shown >= self.budget.images
        if self._is_due(self.budget.sample_every) or last:
            self._save_samples()
        evaluate = any(self._before < at <= self.shown for at in self.budget.evaluate_at)
        metrics: Sequence[Mapping[str, Any]] = ()
        if evaluate:
            self._tick()
            metrics = self._evaluate()
            self._restart_clock()
        stop = stops()
        if stop or evaluate or self._is_due(self.budget.checkpoint_every) or last:
            self._save_checkpoint(metrics)
            stop = stop or stops()
        return stop

    def _is_due(self, every: int) -> bool:
        return self.shown // every > self._before // every

    def _restart_clock(self) -> None:
        """Images per second are counted from here."""
        self._tick_time, self._tick_shown = time.monotonic(), self.shown

    def _tick(self) -> None:
        """Read the scalars of the steps since the last tick, and write their means."""
        if not self._pending:
            return
        facts: dict[str, Any] = _means(self._pending)
        self._pending.clear()
        seconds = max(time.monotonic() - self._tick_time, 1e-9)
        facts["images_per_second"] = round((self.shown - self._tick_shown) / seconds, 1)
        self._restart_clock()
        broken = next((key for key, value in facts.items() if not math.isfinite(value)), None)
        if broken is not None:
            raise self._diverged(f"{broken} is {facts[broken]}")
        self._write("tick", facts)
        self._warn(self.monitor.tick(facts, self.shown))

    def _save_checkpoint(self, metrics: Sequence[Mapping[str, Any]] = ()) -> None:
        self._tick()
        for name, module in self.trainer.modules.items():
            for key, value in module.state_dict().items():
                if value.is_floating_point() and not torch.isfinite(value).all():
                    raise self._diverged(f"{name}.{key} is not finite")
        distributed.require_same(self.trainer.modules)
        if self.run_dir.silent:
            return
        state = training_state(self.trainer, self.batches, self.monitor)
        self.callbacks.save(self.shown, *state, metrics)
        self.run_dir.write_checkpoint(self.shown, self.budget.images, traced_digest(self.trainer.modules))

    def _save_samples(self) -> None:
        if self.run_dir.silent:
            return
        samples = self.trainer.preview()
        self.callbacks.draw(samples, self.shown)
        self._write("sample", {"path": str(self.run_dir.sample_path(self.shown))})
        if self.shown:
            self._warn(self.monitor.sample_std(samples.std(0, unbiased=False).mean().item()))

    def _evaluate(self) -> Sequence[Mapping[str, Any]]:
        if self.run_dir.silent:
            return ()
        facts = self.callbacks.evaluate(self.shown)
        self._write("metrics", facts)
        metrics: list[dict[str, Any]] = facts.get("metrics", [])
        self._warn(self.monitor.metrics({metric["name"]: metric["value"] for metric in metrics}, self.shown))
        return metrics

    def _recover_from_oom(self, rows: Tensor) -> None:
        """Restore the last checkpoint and continue in more micro-batches, or raise OutOfMemory with what would fit."""
        if distributed.world_size() > 1:
            raise stop_all_ranks(self.trainer, rows, self.shown, self.run_dir.folder)
        engine = self.trainer.engine
        parts = fitting_micro_batches(self.trainer, rows, self.shown)
        error = out_of_memory(len(rows), parts, engine.device, self.run_dir.folder)
        if parts is None or engine.settings.when_full == "stop":
            raise error
        self._pending.clear()
        saved = checkpoint.load(checkpoint.latest_checkpoint(self.run_dir.checkpoints))
        self.shown = restore(self.trainer, self.batches, self.monitor, saved)
        self.run_dir.forget_after(self.shown, self.budget.images)
        self.run_dir.set_accumulation(parts)
        advice = f"Going on with accumulate = {parts}."
        self._warn([{"warning": "memory", "what": error.message, "advice": advice}])
        self._restart_clock()

    def _stops(self, steps: int, asked_to_stop: Callable[[], bool]) -> bool:
        if distributed.world_size() == 1:
            return asked_to_stop()
        return steps % _STOP_STEPS == 0 and distributed.any_rank(asked_to_stop(), self.trainer.engine.device)

    def _write_start(self) -> None:
        engine = self.trainer.engine
        where = {"host": platform.node(), "pid": os.getpid(), "device": str(engine.device)}
        how = {"processes": distributed.world_size(), "accumulate": engine.accumulate}
        self._write("start", {**where, **how, "environment": to_plain(environment(engine.device))})

    def _write(self, kind: str, facts: Mapping[str, Any]) -> None:
        self.run_dir.write(Event(kind, self.shown, self.budget.images, facts))

    def _warn(self, warnings: Sequence[Mapping[str, str]]) -> None:
        for warning in warnings:
            self._write("warning", warning)

    def _diverged(self, what: str) -> Diverged:
        good = self.run_dir.checkpoints
        return Diverged(
            f"training diverged after {self.shown:,} images: {what}",
            f"Lower the learning rate or raise the regulariser's gamma. The last good checkpoint: {good}",
        )


def _scalars_or_none(trainer: Trainer, rows: Tensor, shown: int) -> dict[str, Tensor] | None:
    """A step's scalars; None if memory ran out. The error is dropped, since it holds the tensors of the step."""
    try:
        return seeded_step(trainer, rows, shown)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _means(pending: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    keys = dict.fromkeys(key for scalars in pending for key in scalars)
    columns = {key: torch.stack([scalars[key] for scalars in pending if key in scalars]).mean() for key in keys}
    return {key: float(f"{value:.6g}") for key, value in columns.items()}


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
