"""What a run tells those who watch it: one event at a time, plain data (torch-free)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Event", "RunFacts", "Watcher"]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is note (`text`: what a transfer says of itself), start, tick (losses), sample (a grid was written),
    metrics, warning (`warning`, `what`, `advice`), checkpoint, end, stopped (Ctrl-C, SIGTERM) or failed (`error`).

    `shown` of `total` images have been shown; `facts` hold JSON-able values (`images_per_second`, losses, a path, ...).
    """

    kind: str
    shown: int
    total: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Whose events they are: the run's folder, its name, and its recipe as plain data."""

    folder: Path
    name: str
    recipe: Mapping[str, Any]


Watcher = Callable[[Event], None]
"""Called with every event of a run, in the process and thread that trains."""
