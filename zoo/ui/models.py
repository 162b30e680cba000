"""Which models a page offers, and the ones that are open."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import ConfigError
from zoo.registry.index import at_hand, models
from zoo.remote.cache import kept
from zoo.training.api import is_run
from zoo.ui.board import find_runs
from zoo.ui.play import Player

__all__ = ["Shelf", "sources"]

_OPEN = 3
"""Models that stay in memory."""


@dataclass
class Shelf:
    """Models by name, opened once and again when their folder changed. `only` locks it to one release."""

    runs: Path
    only: str = ""
    trained_modules: OrderedDict[tuple[str, str], Player] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        """Registered releases that are on this machine, what else was pulled, and runs."""
        if self.only:
            return [self.only]
        return [*sources(), *(str(run) for run in find_runs(self.runs) if (run / "checkpoints").is_dir())]

    def first(self) -> str:
        """What a page begins with: a release that can be sampled, where there is one; empty where there is nothing."""
        names = self.names()
        can_sample = {entry.name for entry in models() if "gan" in entry.parts}
        return next((name for name in names if name in can_sample), names[0] if names else "")

    def open(self, name: str) -> Player:
        """The model, every byte of a release checked. Raises ConfigError for another than `only`, and what opening
        raises."""
        name = (name or "").strip()
        if not name or (self.only and name != self.only):
            raise ConfigError(f"no model is called {name!r} here", "Choose one of the list.")
        key = (name, _stamp(Path(name)))
        with self.lock:  # one at a time: a page's visitors ask for the same model at once
            if key not in self.trained_modules:
                self.trained_modules[key] = Player.open(name)
            self.trained_modules.move_to_end(key)
            while len(self.trained_modules) > _OPEN:
                self.trained_modules.popitem(last=False)
            return self.trained_modules[key]


def sources() -> list[str]:
    """Releases on this machine: the registries' by name, their architectures' defaults first, others of the cache by
    address."""
    entries = sorted(models(), key=lambda entry: not entry.default)
    named = {entry.name: found[0] for entry in entries if (found := at_hand(entry)) is not None}
    others = [one.address for one in kept() if one.folder not in named.values()]
    return [*named, *others]


def _stamp(folder: Path) -> str:
    """Another one when the folder holds another model; empty for a registered name, whose bytes are pinned."""
    if is_run(folder):
        checkpoints = folder / "checkpoints"
        return max((path.name for path in checkpoints.iterdir()), default="") if checkpoints.is_dir() else ""
    try:
        return str(os.stat(folder / "zoo.json").st_mtime_ns)
    except OSError:
        return ""
