"""The tracker `trackio`. Imports it only when a run asks for it."""

from __future__ import annotations

import contextlib
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plugin import ConfigError, hook

if TYPE_CHECKING:
    from zoo.plugin import Event, RunFacts

ZOO_API = 2


@hook
def zoo_run_event(run: RunFacts, event: Event) -> None:
    """Scalars into trackio's project `zoo`, the run named as its folder; the recipe is its config."""
    from zoo_trackers.scalars import ENDS, scalars

    with contextlib.redirect_stdout(sys.stderr):  # what trackio prints must not spoil what a command prints
        opened = _opened()
        if run.folder not in opened:
            opened[run.folder] = _trackio().init(
                project="zoo", name=run.folder.resolve().name, config=dict(run.recipe), resume="allow"
            )
        numbers = scalars(event)
        if numbers:
            opened[run.folder].log(numbers, step=event.shown)
        if event.kind in ENDS:
            opened.pop(run.folder).finish()


@functools.cache
def _opened() -> dict[Path, Any]:
    """The open trackio runs, by run."""
    return {}


def _trackio() -> Any:
    try:
        import trackio
    except ImportError as error:
        raise ConfigError("trackio is not installed", "Install it: pip install 'zoo-trackers[trackio]'") from error
    return trackio
