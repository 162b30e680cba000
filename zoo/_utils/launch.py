"""How many processes a launcher started, as it says in the environment (torch-free)."""

from __future__ import annotations

import os

from zoo.errors import ConfigError

__all__ = ["is_rank_zero", "launched_world_size"]


def is_rank_zero() -> bool:
    """Whether this process is the one that writes and speaks; true before the processes have met, too."""
    return launched_world_size() == 1 or os.environ.get("RANK", "0") == "0"


def launched_world_size() -> int:
    """How many processes were started to train together, whether they have met or not. Raises ConfigError where the
    environment says nothing that can be."""
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal() or int(said) < 1:
        raise ConfigError(
            f"the variable WORLD_SIZE is {said!r}, not a count of processes",
            "A launcher such as torchrun sets it; to train in one process: unset WORLD_SIZE RANK",
        )
    return int(said)
