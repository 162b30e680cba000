"""How many processes a launcher started, as it says in the environment (torch-free)."""

from __future__ import annotations

import os

__all__ = ["first", "started"]


def first() -> bool:
    """Whether this process is the one that writes and speaks; true before the processes have met, too."""
    return os.environ.get("RANK", "0") == "0"


def started() -> int:
    """How many processes were started to train together, whether they have met or not."""
    return int(os.environ.get("WORLD_SIZE", "1"))
