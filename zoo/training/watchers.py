"""What a run costs: process CPU seconds and wall seconds without measuring and drawing, kept in the run's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo._utils.files import write_atomically
from zoo.errors import UnknownName, ZooError, near
from zoo.types import Event, RunFacts, Watcher

__all__ = ["Cost", "CostWatch", "costs", "kept_cost", "trackers"]

_FILE = "cost.json"
_NOT_TRAINING = frozenset({"metrics", "checkpoint", "start"})
"""Events at the end of something that is not training: what passed since the event before it (a tick) is not counted.
Drawing a grid is: it is one batch, and no tick comes before it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of this process's CPU (all its threads) and of the clock."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu - other.cpu, self.wall - other.wall)

    @classmethod
    def now(cls) -> Cost:
        """The process's clocks."""
        return cls(time.process_time(), time.perf_counter())


class CostWatch:
    """Watches a run. `before` is what was spent on it already: the transfer, or the run up to the last checkpoint.

    The file is written at checkpoints, so that it says what belongs to the weights on disk.
    """

    def __init__(self, folder: Path, before: Cost | None = None, kept: dict[int, Cost] | None = None) -> None:
        self._folder = folder
        self._spent = before or Cost()
        self._last = Cost.now()
        self._at: dict[int, Cost] = dict(kept or {})

    def __call__(self, event: Event) -> None:
        now = Cost.now()
        if event.kind not in _NOT_TRAINING:
            self._spent += now - self._last
        self._last = now
        if event.kind == "metrics":
            self._at[event.shown] = self._spent
        elif event.kind in ("checkpoint", "end"):
            rows = {str(shown): asdict(cost) for shown, cost in sorted(self._at.items())}
            held: dict[str, Any] = {"shown": event.shown, "spent": asdict(self._spent), "at": rows}
            write_atomically(self._folder / _FILE, json.dumps(held).encode())
            self._last = Cost.now()


def costs(folder: Path) -> dict[int, Cost]:
    """What had been spent at each measurement, by images shown; empty where nothing was kept."""
    held = _read(folder)
    return {int(shown): Cost(**row) for shown, row in held.get("at", {}).items()}


def kept_cost(folder: Path) -> tuple[int, Cost]:
    """Images shown at the last checkpoint, and what they cost."""
    held = _read(folder)
    return held.get("shown", 0), Cost(**held.get("spent", {}))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def trackers(names: Iterable[str], run: RunFacts, tell: Watcher) -> tuple[Watcher, ...]:
    """A watcher for each of the plugins `names`, which hand on the run's events. `tell` hears of one that fails.

    Raises UnknownName for a name that is no plugin with a `zoo_run_event` hook.
    """
    hooks = plugins.host().events
    for name in names:
        if name not in hooks:
            raise UnknownName(
                f"there is no tracker {name!r}",
                near(name, hooks) or "Install some: pip install 'zoo-trackers[tensorboard,trackio]'",
            )
    return tuple(_Tracker(name, hooks[name], run, tell) for name in dict.fromkeys(names))


class _Tracker:
    def __init__(self, name: str, hook: Callable[..., Any], run: RunFacts, tell: Watcher) -> None:
        self.name = name
        self.hook = hook
        self.run = run
        self.tell = tell
        self.works = True

    def __call__(self, event: Event) -> None:
        if not self.works:
            return
        try:
            self.hook(run=self.run, event=event)
        except (Exception, SystemExit) as error:  # a stranger's code must not end a run
            self.works = False
            what, advice = f"{type(error).__name__}: {error}", "The run goes on without it."
            if isinstance(error, ZooError):
                what, advice = error.message, f"{error.hint} {advice}".strip()
            facts = {"warning": "tracker", "what": f"tracker {self.name} failed: {what}", "advice": advice}
            self.tell(Event("warning", event.shown, event.total, facts))
