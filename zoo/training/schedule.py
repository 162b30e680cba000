"""A plan over time: which of its stages have begun, and how its schedules stand, each by its own clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from zoo.losses.types import Side
from zoo.networks.utils import always_frozen
from zoo.training.task import ImageTask
from zoo.transfers.plan import FeedbackSchedule, GANTask, Schedule, TrainingPhase, TransferPlan
from zoo.transfers.report import nets_of

__all__ = ["FeedbackController", "PhaseSchedule", "freeze"]


class PhaseSchedule:
    """The stages of `plan` in a run that shows `images` in all; none has begun at first."""

    def __init__(self, plan: TransferPlan, images: int) -> None:
        self.plan = plan
        self.images = images
        self.begun: list[TrainingPhase] = []

    def advance(self, shown: int) -> bool:
        """Begin every stage that is due after `shown` images, and take back one that is not; whether any changed."""
        begun = [stage for stage in self.plan.stages if shown >= self._begins(stage)]
        changed = len(begun) != len(self.begun)
        self.begun = begun
        return changed

    @property
    def task(self) -> GANTask:
        """What is played now: the last game that a stage began with, the plan's own, or the usual one."""
        games = [stage.task for stage in self.begun if stage.task is not None]
        return games[-1] if games else self.plan.task or ImageTask(self.plan.gan)

    @property
    def unfrozen(self) -> dict[str, set[str]]:
        """Per net, the frozen tensors that learn by now."""
        found: dict[str, set[str]] = {}
        for stage in self.begun:
            for net, names in stage.unfreezes.items():
                found.setdefault(net, set()).update(names)
        return found

    def factor(self, side: Side, shown: int) -> float:
        """What a side's learning rate is multiplied by after `shown` images."""
        key = f"{side.value}.lr/"
        running = ((name, setting, since) for name, setting, since in self._settings() if since is not None)
        return math.prod(setting(shown - since) for name, setting, since in running if name.startswith(key))

    def steered(self) -> dict[str, nn.Module]:
        """The schedules that follow a measured figure, by names of their own."""
        return {name: setting for name, setting, _ in self._settings() if isinstance(setting, nn.Module)}

    def clocks(self, shown: int) -> dict[str, int]:
        """How many images each schedule's clock counts; those of stages still to come are left out."""
        return {name: shown - since for name, _, since in self._settings() if since is not None}

    def _begins(self, stage: TrainingPhase) -> int:
        return math.ceil(stage.after * self.images)

    def _settings(self) -> Iterator[tuple[str, Schedule, int | None]]:
        """Every schedule with its name and the images at which its clock began, None if it has not."""
        for key, schedules in self.plan.schedules.items():
            for i, schedule in enumerate(schedules):
                yield f"{key}/{i}", schedule, 0
        for j, stage in enumerate(self.plan.stages):
            began = self._begins(stage) if any(stage is begun for begun in self.begun) else None
            for key, schedules in stage.schedules.items():
                for i, schedule in enumerate(schedules):
                    yield f"{key}/stage{j}/{i}", schedule, began


class FeedbackController(nn.Module):
    """Hands each steered setting the mean of its figure over its `every` steps.

    Sums stay on the device; the mean is read in `_read` alone, which is where processes that share a run have to agree
    on it. The sums and what the settings keep are buffers, so a resumed run steers as if it had not been cut.
    """

    def __init__(self, steered: Mapping[str, nn.Module], device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.names = tuple(steered)
        self.steered = nn.ModuleList(steered.values())
        self.register_buffer("sums", torch.zeros(len(steered), device=device))
        self.register_buffer("counts", torch.zeros(len(steered), dtype=torch.int64, device="cpu"))

    @torch.no_grad()
    def after(self, figures: Mapping[str, Tensor], since: Mapping[str, int], batch: int) -> None:
        """Follow a step of `batch` images that gave `figures` (scalars). `since` says for each setting how many images
        its own clock counts with this step; one that is not named is not in play yet."""
        sums, counts = cast(Tensor, self.sums), cast(Tensor, self.counts)
        for i, (name, module) in enumerate(zip(self.names, self.steered, strict=True)):
            setting = cast(FeedbackSchedule, module)
            shown = since.get(name)
            if shown is None or setting.figure not in figures or not setting.wants(shown - batch):
                continue
            sums[i] += figures[setting.figure]
            counts[i] += 1
            steps = int(counts[i])
            if steps >= setting.every:
                setting.update(self._read(sums[i] / steps), shown, steps * batch)
                sums[i], counts[i] = 0.0, 0

    def _read(self, mean: Tensor) -> float:
        """The one place where a measured figure leaves the device and steers the run."""
        return mean.item()


def freeze(plan: TransferPlan, unfrozen: Mapping[str, set[str]]) -> None:
    """Everything learns, except what the plan freezes and `unfrozen` does not name, and what a net itself keeps fixed.

    Modules all of whose parameters are frozen are in eval mode: BatchNorm's statistics and spectral norm's vectors
    would move in them.
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
