"""The number of processes that a launcher started, from its environment variables. Imports no torch."""

from __future__ import annotations

import os

from zoo.errors import ConfigError

__all__ = ["is_rank_zero", "launched_world_size"]


def is_rank_zero() -> bool:
    """Whether this process writes files and output; known before the process group exists."""
    return launched_world_size() == 1 or os.environ.get("RANK", "0") == "0"


def launched_world_size() -> int:
    """The number of processes that were started to train together. Raises ConfigError for an invalid WORLD_SIZE."""
    size = os.environ.get("WORLD_SIZE", "1")
    if not size.isdecimal() or int(size) < 1:
        raise ConfigError(
            f"the variable WORLD_SIZE is {size!r}, not a count of processes",
            "A launcher such as torchrun sets it; to train in one process: unset WORLD_SIZE RANK",
        )
    return int(size)
