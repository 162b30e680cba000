"""Plugins that follow a run, by name; one that fails is told once and left out (torch-free)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from zoo import plugins
from zoo.errors import UnknownName, ZooError, near
from zoo.training.events import Event, RunFacts, Watcher

__all__ = ["trackers"]


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
