"""A plan over time: which of its stages have begun, and how its schedules stand, each by its own clock."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import nn

from zoo.protocols import Game, Schedule, Side, Stage, Transfer
from zoo.training.game import ImageGame

__all__ = ["Staging"]


class Staging:
    """The stages of `plan` in a run that shows `images` in all; none has begun at first."""

    def __init__(self, plan: Transfer, images: int) -> None:
        self.plan = plan
        self.images = images
        self.begun: list[Stage] = []

    def advance(self, shown: int) -> bool:
        """Begin every stage that is due after `shown` images, and take back one that is not; whether any changed."""
        begun = [stage for stage in self.plan.stages if shown >= self._begins(stage)]
        changed = len(begun) != len(self.begun)
        self.begun = begun
        return changed

    @property
    def game(self) -> Game:
        """What is played now: the last game that a stage began with, the plan's own, or the usual one."""
        games = [stage.game for stage in self.begun if stage.game is not None]
        return games[-1] if games else self.plan.game or ImageGame(self.plan.gan)

    @property
    def thawed(self) -> dict[str, set[str]]:
        """Per net, the frozen tensors that learn by now."""
        found: dict[str, set[str]] = {}
        for stage in self.begun:
            for net, names in stage.thaws.items():
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

    def _begins(self, stage: Stage) -> int:
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
