"""What changes while a run goes on: training phases, learning rates, frozen tensors, schedules that follow a measured
figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from zoo.losses.types import FeedbackSchedule, Side
from zoo.networks.utils import always_frozen
from zoo.training.task import ImageTask
from zoo.transfers.plan import GANTask, Schedule, TrainingPhase, TransferPlan
from zoo.transfers.report import nets_of

__all__ = ["FeedbackController", "PhaseSchedule", "freeze"]


class PhaseSchedule:
    """The training phases and schedules of `plan` in a run of `images` images; at first no phase is active."""

    def __init__(self, plan: TransferPlan, images: int) -> None:
        self.plan = plan
        self.images = images
        self.active: list[TrainingPhase] = []

    def advance(self, shown: int) -> bool:
        """Activate the phases that are due after `shown` images, and no others. Returns whether any changed."""
        active = [phase for phase in self.plan.phases if shown >= self._start(phase)]
        changed = len(active) != len(self.active)
        self.active = active
        return changed

    @property
    def task(self) -> GANTask:
        """The current task: that of the last phase that has one, else the plan's, else the usual one."""
        tasks = [phase.task for phase in self.active if phase.task is not None]
        return tasks[-1] if tasks else self.plan.task or ImageTask(self.plan.gan)

    @property
    def unfrozen(self) -> dict[str, set[str]]:
        """Per net, the frozen tensors that the active phases unfreeze."""
        unfrozen: dict[str, set[str]] = {}
        for phase in self.active:
            for net, names in phase.unfreezes.items():
                unfrozen.setdefault(net, set()).update(names)
        return unfrozen

    def lr_factor(self, side: Side, shown: int) -> float:
        """The factor of a side's learning rate after `shown` images."""
        key = f"{side.value}.lr/"
        running = ((name, schedule, since) for name, schedule, since in self._schedules() if since is not None)
        return math.prod(schedule(shown - since) for name, schedule, since in running if name.startswith(key))

    def feedback_schedules(self) -> dict[str, FeedbackSchedule]:
        """The schedules that follow a measured figure, by unique name."""
        return {name: schedule for name, schedule, _ in self._schedules() if isinstance(schedule, FeedbackSchedule)}

    def clocks(self, shown: int) -> dict[str, int]:
        """How many images each schedule has run for; schedules of later phases are left out."""
        return {name: shown - since for name, _, since in self._schedules() if since is not None}

    def _start(self, phase: TrainingPhase) -> int:
        return math.ceil(phase.after * self.images)

    def _schedules(self) -> Iterator[tuple[str, Schedule, int | None]]:
        """Every schedule with its name (part of checkpoints) and the image count at which it started, if it has."""
        for key, schedules in self.plan.schedules.items():
            for i, schedule in enumerate(schedules):
                yield f"{key}/{i}", schedule, 0
        for j, phase in enumerate(self.plan.phases):
            start = self._start(phase) if any(phase is active for active in self.active) else None
            for key, schedules in phase.schedules.items():
                for i, schedule in enumerate(schedules):
                    yield f"{key}/stage{j}/{i}", schedule, start


class FeedbackController(nn.Module):
    """Updates each feedback schedule with the mean of its figure over its `every` steps.

    Sums stay on the device until a mean is due. The sums, and what the schedules keep, are buffers, so that a resumed
    run continues exactly.
    """

    sums: Tensor
    counts: Tensor

    def __init__(self, schedules: Mapping[str, FeedbackSchedule], device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.names = tuple(schedules)
        self.steered = nn.ModuleList(schedules.values())  # the name is part of checkpoints
        self.register_buffer("sums", torch.zeros(len(schedules), device=device))
        self.register_buffer("counts", torch.zeros(len(schedules), dtype=torch.int64, device="cpu"))

    @torch.no_grad()
    def update(self, figures: Mapping[str, Tensor], clocks: Mapping[str, int], batch: int) -> None:
        """Add the scalar `figures` of a step of `batch` images. `clocks` gives the images that each schedule has run
        for, this step included; a schedule that is not named has not started."""
        for i, (name, schedule) in enumerate(zip(self.names, self.steered, strict=True)):
            assert isinstance(schedule, FeedbackSchedule)
            shown = clocks.get(name)
            if shown is None or schedule.figure not in figures or not schedule.wants(shown - batch):
                continue
            self.sums[i] += figures[schedule.figure]
            self.counts[i] += 1
            steps = int(self.counts[i])
            if steps >= schedule.every:
                mean = (self.sums[i] / steps).item()  # averaged over processes already
                schedule.update(mean, shown, steps * batch)
                self.sums[i], self.counts[i] = 0.0, 0


def freeze(plan: TransferPlan, unfrozen: Mapping[str, set[str]]) -> None:
    """Train everything, except what the plan freezes and `unfrozen` does not name, and what a net itself keeps frozen.

    Modules whose parameters are all frozen are put in eval mode: else BatchNorm's statistics and spectral norm's
    vectors would move.
    """
    for net, module in nets_of(plan).items():
        frozen = (plan.frozen.get(net, set()) - unfrozen.get(net, set())) | always_frozen(module)
        for name, weight in module.named_parameters():
            weight.requires_grad_(name not in frozen)
        module.train()
        for name, part in module.named_modules():
            weights = [f"{name}.{key}" if name else key for key, _ in part.named_parameters()]
            if weights and frozen.issuperset(weights):
                part.eval()
