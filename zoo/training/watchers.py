"""Watchers of a run's events: what training costs, and the trackers of plugins (torch-free)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo._utils.files import write_atomically
from zoo.errors import UnknownName, ZooError, near
from zoo.types import Event, RunFacts, Watcher

__all__ = ["Cost", "CostWatch", "joined", "read_costs", "read_spent", "trackers"]

_FILE = "cost.json"
_NOT_TRAINING = frozenset({"metrics", "checkpoint", "start"})
"""Events that end something that is not training: the time since the event before them, a tick, is not counted. The
time of a sample grid is: it is one batch, and no tick comes before it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of this process (all threads) and wall seconds."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu - other.cpu, self.wall - other.wall)

    @classmethod
    def now(cls) -> Cost:
        """Both clocks now."""
        return cls(time.process_time(), time.perf_counter())


class CostWatch:
    """Measures what training costs, without evaluation, in `cost.json` of the run folder. `before` was spent already:
    on the transfer, or on the run up to its last checkpoint. The file is written at checkpoints, so that it belongs to
    the weights on disk. `at` are the costs of earlier measurements, by images shown."""

    def __init__(self, folder: Path, before: Cost | None = None, at: dict[int, Cost] | None = None) -> None:
        self._folder = folder
        self._spent = before or Cost()
        self._last = Cost.now()
        self._at: dict[int, Cost] = dict(at or {})

    def __call__(self, event: Event) -> None:
        now = Cost.now()
        if event.kind not in _NOT_TRAINING:
            self._spent += now - self._last
        self._last = now
        if event.kind == "metrics":
            self._at[event.shown] = self._spent
        elif event.kind in ("checkpoint", "end"):
            rows = {str(shown): asdict(cost) for shown, cost in sorted(self._at.items())}
            costs: dict[str, Any] = {"shown": event.shown, "spent": asdict(self._spent), "at": rows}
            write_atomically(self._folder / _FILE, json.dumps(costs).encode())
            self._last = Cost.now()


def read_costs(folder: Path) -> dict[int, Cost]:
    """The cost up to each measurement, by images shown; empty if the run has none."""
    costs = _read(folder)
    return {int(shown): Cost(**row) for shown, row in costs.get("at", {}).items()}


def read_spent(folder: Path) -> tuple[int, Cost]:
    """Images shown at the last checkpoint, and what they cost."""
    costs = _read(folder)
    return costs.get("shown", 0), Cost(**costs.get("spent", {}))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def joined(watchers: Sequence[Watcher]) -> Watcher:
    """One watcher that tells all of them."""

    def tell(event: Event) -> None:
        for watcher in watchers:
            watcher(event)

    return tell


def trackers(names: Iterable[str], run: RunFacts, report: Watcher) -> tuple[Watcher, ...]:
    """A watcher for each plugin in `names`, which passes the run's events to its `zoo_run_event` hook. If a hook fails,
    `report` gets a warning event and the hook no more events. Raises UnknownName for a plugin without that hook."""
    hooks = plugins.host().events
    for name in names:
        if name not in hooks:
            raise UnknownName(
                f"there is no tracker {name!r}",
                near(name, hooks) or "Install some: pip install 'zoo-trackers[tensorboard,trackio]'",
            )
    return tuple(_Tracker(name, hooks[name], run, report) for name in dict.fromkeys(names))


class _Tracker:
    def __init__(self, name: str, hook: Callable[..., Any], run: RunFacts, report: Watcher) -> None:
        self.name = name
        self.hook = hook
        self.run = run
        self.report = report
        self.works = True

    def __call__(self, event: Event) -> None:
        if not self.works:
            return
        try:
            self.hook(run=self.run, event=event)
        except (Exception, SystemExit) as error:  # a stranger's code must not end a run
            self.works = False
            what, advice = f"{type(error).__name__}: {error}", "The run continues without it."
            if isinstance(error, ZooError):
                what, advice = error.message, f"{error.hint} {advice}".strip()
            facts = {"warning": "tracker", "what": f"tracker {self.name} failed: {what}", "advice": advice}
            self.report(Event("warning", event.shown, event.total, facts))
