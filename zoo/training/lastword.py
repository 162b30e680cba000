"""What a process that has to leave tells those who train with it, who wait for its part of a sum meanwhile.

It goes through the store at which the processes met, because the connections between them are what breaks.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

from torch import distributed

from zoo.errors import OutOfMemory

__all__ = ["announce", "heard", "say"]

_TROUBLE, _WORD, _DONE = "zoo/trouble", "zoo/word", "zoo/done"
_MEET = timedelta(seconds=5)
_THINKING = timedelta(minutes=5)
"""How long others wait for one that finds out what fits into its memory."""


def announce() -> None:
    """Before leaving: there will be a last word."""
    _store().set(_TROUBLE, "")


def say(error: OutOfMemory, rank: int, size: int) -> None:
    """The last word of process `rank` of `size`. The first process stays until the others heard it: the store may be
    its own."""
    store = _store()
    store.set(_WORD, json.dumps([error.message, error.hint]))
    store.set(f"{_DONE}/{rank}", "")
    if rank == 0:
        with suppress(RuntimeError):  # they may be gone already
            store.wait([f"{_DONE}/{other}" for other in range(size)], _MEET)


def heard(rank: int) -> OutOfMemory | None:
    """What another process said before it left; None where it left without a word."""
    try:
        store = _store()
        if not store.check([_TROUBLE]):
            return None
        store.wait([_WORD], _THINKING)
        message, hint = json.loads(store.get(_WORD))
        store.set(f"{_DONE}/{rank}", "")
    except (RuntimeError, ValueError):
        return None
    return OutOfMemory(message, hint)


def _store() -> Any:
    """A line of one's own to where the processes met."""
    return distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=_MEET
    )
