"""What the loop trains: something that takes a step on a batch, and whose whole state can be saved and restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Protocol

from torch import Tensor, nn

from zoo._utils import distributed
from zoo._utils.seeds import Stream, seeded
from zoo.data.batches import Batches
from zoo.training.checkpoint import Checkpoint, Position, Progress
from zoo.training.devices import Engine
from zoo.training.monitor import TrainingMonitor
from zoo.training.optim import ParameterOptimizer

__all__ = ["Trainer", "monitor_for", "restore", "restore_model", "seeded_step", "tensors_of", "training_state"]


class Trainer(Protocol):
    """`modules` are the nets whose state dicts, with the optimizers and random streams, are the whole state. `seed` is
    the run's."""

    seed: int
    modules: dict[str, nn.Module]
    optimizers: dict[str, ParameterOptimizer]
    streams: dict[str, Stream]
    engine: Engine

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """Train on one batch (rows of the data set; `shown` images came before). Returns scalars on the device."""

    def advance(self, shown: int) -> None:
        """Bring a trainer that was just built to where it stands before a step at `shown`."""

    def preview(self) -> Tensor:
        """Samples to look at, the same ones each time but for what was learnt."""


def seeded_step(trainer: Trainer, rows: Tensor, shown: int) -> dict[str, Tensor]:
    """A trainer's step, in which torch's default generators, from which the networks draw (dropout, noise, stochastic
    depth), are seeded. Their seed depends only on the run's seed, `shown` and the process, so no checkpoint needs their
    state. The caller's states are restored."""
    with seeded(trainer.seed, f"networks/{shown}/{distributed.rank()}", trainer.engine.device):
        return trainer.step(rows, shown)


def monitor_for(trainer: Trainer, images: int) -> TrainingMonitor:
    """A monitor of a run of so many images, which knows how real images vary if the trainer does."""
    return TrainingMonitor(images, getattr(trainer, "real_std", None))


def training_state(trainer: Trainer, batches: Batches, monitor: TrainingMonitor) -> tuple[dict[str, Tensor], Progress]:
    """All that a run needs to continue from here, as tensors and the progress."""
    tensors: dict[str, Tensor] = {}
    for name, module in trainer.modules.items():
        tensors |= {f"modules.{name}.{key}": value for key, value in module.state_dict().items()}
    for name, optimizer in trainer.optimizers.items():
        tensors |= {f"optimisers.{name}.{key}": value for key, value in optimizer.state_dict().items()}
    tensors |= {f"streams.{name}": rng.get_state() for name, rng in trainer.streams.items()}
    order = batches.state()
    tensors |= {f"batches.{key}": value for key, value in order.items() if isinstance(value, Tensor)}
    position = Position(**{key: value for key, value in order.items() if not isinstance(value, Tensor)})
    return tensors, Progress(position, monitor.state())


def restore(trainer: Trainer, batches: Batches, monitor: TrainingMonitor, saved: Checkpoint) -> int:
    """Restore a checkpoint; returns the images shown."""
    restore_model(trainer, saved.shown, saved.tensors)
    for name, rng in trainer.streams.items():
        rng.set_state(saved.tensors[f"streams.{name}"])
    progress = saved.state.progress
    batches.load_state({**tensors_of(saved.tensors, "batches."), **asdict(progress.batches)})
    monitor.load_state(progress.watch)
    return saved.shown


def restore_model(trainer: Trainer, shown: int, tensors: Mapping[str, Tensor]) -> None:
    """Restore a checkpoint's nets and optimizers, but not its random streams and data order."""
    for name, module in trainer.modules.items():
        module.load_state_dict(tensors_of(tensors, f"modules.{name}."), strict=True)
    trainer.advance(shown)
    for name, optimizer in trainer.optimizers.items():
        optimizer.load_state_dict(tensors_of(tensors, f"optimisers.{name}."))


def tensors_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
