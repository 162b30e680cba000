"""Which models a page offers, and those that are loaded."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from zoo.plugin import ConfigError
from zoo_ui.folders import Folders
from zoo_ui.loaded_model import LoadedModel
from zoo_ui.model_cards import ModelCard, card_picture, model_cards

__all__ = ["ModelCache"]

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

    def cards(self) -> list[ModelCard]:
        """Registered releases that are on this machine, what else was pulled, and runs."""
        if self.only:
            return [ModelCard(self.only, "release", self.only)]
        return model_cards(self.runs)

    def first(self) -> str:
        """The model shown at first: the best release that can be sampled, which is the largest in colour; without one
        any model; empty if there is none."""
        cards = self.cards()
        best = max(cards, key=lambda card: (card.kind == "release", card.samples, card.colour, card.side), default=None)
        return best.name if best is not None else ""

    def picture(self, name: str) -> bytes | None:
        """The picture on a model's card as PNG: of a release its own samples, of a run its newest; None without one.
        Raises ConfigError for a name that may not be opened, IntegrityError for a picture that is not the pinned
        one."""
        if self.only:
            return card_picture(name) if name == self.only else None
        return card_picture(self.folders.check(name))

    def version(self, name: str) -> str:
        """A text that changes with the model's weights."""
        return _stamp(Path(name))[-24:]

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


def _stamp(folder: Path) -> str:
    """A text that changes with the model in the folder; empty for a registered name, whose bytes are pinned."""
    checkpoints = folder / "checkpoints"
    if checkpoints.is_dir():
        return max((path.name for path in checkpoints.iterdir()), default="")
    try:
        return str(os.stat(folder / "zoo.json").st_mtime_ns)
    except OSError:
        return ""
