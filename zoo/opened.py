"""Whatever has an autoencoder or a GAN, by the name or folder that a user gives."""

from __future__ import annotations

from pathlib import Path

from zoo.pairs import Pair, load
from zoo.runs import Run, open_run

__all__ = ["is_run", "open_model"]


def open_model(name: str | Path) -> Pair | Run:
    """A release by name, address or folder, or a run's folder: every byte of a release is checked. Raises what
    `zoo.load` and `zoo.open_run` raise."""
    return open_run(name) if is_run(Path(name)) else load(name)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run and not a release (which keeps its recipe too)."""
    return (folder / "recipe.toml").is_file() and not (folder / "zoo.json").exists()
