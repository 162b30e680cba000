"""The tracker `trackio`. Imports trackio only when a run uses it."""

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
    """Log scalars to trackio's project `zoo`, in a run named like the folder, with the recipe as its config."""
    from zoo_trackers.scalars import ENDS, scalars

    with contextlib.redirect_stdout(sys.stderr):  # a command's standard output is for its result
        runs = _runs()
        if run.folder not in runs:
            runs[run.folder] = _trackio().init(
                project="zoo", name=run.folder.resolve().name, config=dict(run.recipe), resume="allow"
            )
        numbers = scalars(event)
        if numbers:
            runs[run.folder].log(numbers, step=event.shown)
        if event.kind in ENDS:
            runs.pop(run.folder).finish()


@functools.cache
def _runs() -> dict[Path, Any]:
    """The open trackio runs, by the run's folder."""
    return {}


def _trackio() -> Any:
    try:
        import trackio
    except ImportError as error:
        raise ConfigError("trackio is not installed", "Install it: pip install 'zoo-trackers[trackio]'") from error
    return trackio
