"""A run's folder, the record of what happened:

recipe.toml      everything needed to train again
events.jsonl     one event a line
checkpoints/     the last ones
samples/         grids of fixed codes, by images shown
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, StorageError
from zoo.files import write_atomically
from zoo.training import ranks
from zoo.training.events import Event, Watcher
from zoo.training.recipe import Recipe, read_recipe, write_recipe

__all__ = ["Record"]


class Record:
    """Reads and writes a run's folder, and tells its events to whoever watches. It is `silent`, and writes nothing, in
    every process but the first of those that train together."""

    def __init__(self, folder: Path, watchers: tuple[Watcher, ...] = ()) -> None:
        self.folder = folder
        self.silent = not ranks.first()
        self.watchers = () if self.silent else watchers

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.folder / "checkpoints"

    def begin(self, recipe: Recipe) -> None:
        """Make the folder. Raises ConfigError when it already holds a run, StorageError when it cannot be written."""
        if self.silent:
            return
        if (self.folder / "recipe.toml").exists():
            raise ConfigError(
                f"{self.folder} already holds a run", f"Continue it: zoo resume {self.folder}; or choose another --out."
            )
        write_atomically(self.folder / "recipe.toml", write_recipe(recipe))

    def keep(self, name: str, data: bytes) -> None:
        """Write a file of the folder, whole. Raises StorageError."""
        if not self.silent:
            write_atomically(self.folder / name, data)

    def recipe(self) -> Recipe:
        """The run's recipe. Raises ConfigError when the folder holds no run."""
        if not (self.folder / "recipe.toml").is_file():
            raise ConfigError(f"{self.folder} holds no run", "Give the folder that --out named.")
        return read_recipe(self.folder / "recipe.toml")

    def write(self, event: Event) -> None:
        """Append the event and tell the watchers."""
        if self.silent:
            return
        line = {"kind": event.kind, "shown": event.shown, "total": event.total, **event.facts}
        try:
            with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise StorageError(
                f"cannot write {self.folder / 'events.jsonl'}: {error.strerror}",
                f"Free some space, then continue: zoo resume {self.folder}",
            ) from error
        for watcher in self.watchers:
            watcher(event)

    def forget_after(self, shown: int) -> None:
        """Drop the events after `shown` images: a resumed run writes them again."""
        path = self.folder / "events.jsonl"
        if path.exists() and not self.silent:
            kept = [line for line in self._lines() if line["kind"] != "end" and line["shown"] <= shown]
            write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, oldest first."""
        return [line for line in self._lines() if line["kind"] == kind]

    def sample_path(self, shown: int) -> Path:
        """Where the grid after `shown` images lies."""
        return self.folder / "samples" / f"{shown:012d}.png"

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        if not path.exists():
            return
        for line in path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return  # the line that a kill cut short: nothing follows it
