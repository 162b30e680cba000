"""How much the API does at once: one computation, and a few requests that wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

__all__ = ["Full", "Room"]

T = TypeVar("T")


class Full(Exception):
    """As many requests as may wait are waiting."""


class Room:
    """Computes for one request at a time, as one computation uses every core; `most` requests may be here at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.here = 0
        self._computing = threading.Lock()

    async def compute(self, work: Callable[[], T]) -> T:
        """The result of `work`, in a thread, when its turn comes. Raises Full at once if there is no room."""
        if self.here >= self.most:
            raise Full
        self.here += 1
        try:
            return await run_in_threadpool(self._alone, work)
        finally:
            self.here -= 1

    def _alone(self, work: Callable[[], T]) -> T:
        with self._computing:
            return work()
