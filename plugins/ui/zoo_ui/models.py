"""Which models a page offers, and those that are loaded."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from zoo.plugin import ConfigError, available_release, cached_releases, models
from zoo_ui.comparison import runs_below
from zoo_ui.folders import Folders
from zoo_ui.loaded_model import LoadedModel

__all__ = ["ModelCache", "sources"]

_MOST_LOADED = 3
"""The largest number of models in memory."""


@dataclass
class ModelCache:
    """Models by name, loaded once, and again if their folder changed. If `only` is given, no other is opened, else
    those in the runs, in the `folders` and on the list."""

    runs: Path
    only: str = ""
    folders: Folders = field(default_factory=lambda: Folders(()))
    loaded: OrderedDict[tuple[str, str], LoadedModel] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        """Registered releases that are on this machine, what else was pulled, and runs."""
        if self.only:
            return [self.only]
        return [*sources(), *(str(run) for run in runs_below(self.runs) if (run / "checkpoints").is_dir())]

    def first(self) -> str:
        """The model shown at first: a release that can be sampled, if there is one; empty if there is no model."""
        names = self.names()
        can_sample = {entry.name for entry in models() if "gan" in entry.parts}
        return next((name for name in names if name in can_sample), names[0] if names else "")

    def open(self, name: str) -> LoadedModel:
        """The model, every byte of a release checked. Raises ConfigError for another name than `only`, and what opening
        raises."""
        name = (name or "").strip()
        if not name or (self.only and name != self.only):
            raise ConfigError(f"no model is called {name!r} here", "Choose one of the list.")
        if not self.only:
            name = self.folders.check(name)
        key = (name, _stamp(Path(name)))
        with self.lock:  # one at a time: a page's visitors ask for the same model at once
            if key not in self.loaded:
                self.loaded[key] = LoadedModel.open(name, self.folders)
            self.loaded.move_to_end(key)
            while len(self.loaded) > _MOST_LOADED:
                self.loaded.popitem(last=False)
            return self.loaded[key]


def sources() -> list[str]:
    """Releases on this machine: the registries' by name, defaults of their architectures first, then the cache's others
    by address."""
    entries = sorted(models(), key=lambda entry: not entry.default)
    named = {entry.name: local[0] for entry in entries if (local := available_release(entry)) is not None}
    others = [one.address for one in cached_releases() if one.folder not in named.values()]
    return [*named, *others]


def _stamp(folder: Path) -> str:
    """A text that changes with the model in the folder; empty for a registered name, whose bytes are pinned."""
    checkpoints = folder / "checkpoints"
    if checkpoints.is_dir():
        return max((path.name for path in checkpoints.iterdir()), default="")
    try:
        return str(os.stat(folder / "zoo.json").st_mtime_ns)
    except OSError:
        return ""
