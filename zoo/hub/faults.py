"""Faults that a test can ask for: what the network and a tired server do to a client."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Fault", "Faults"]

Kind = Literal["status", "cut", "longer", "shorter", "bytes", "stall"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next `times` replies whose `METHOD path` matches the pattern `on`.

    `status`: reply with that status and `headers` instead. `cut`: close the connection after the share `at` of the
    body. `longer`, `shorter`: a wrong Content-Length. `bytes`: one wrong byte, of the right size. `stall`: say nothing
    for `seconds` after the share `at`, then close.
    """

    on: str
    kind: Kind
    times: int = 1
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    at: float = 0.5
    seconds: float = 3600.0


class Faults:
    """Faults that wait for their request; each is used up."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._left = [(fault, fault.times) for fault in faults]

    def add(self, fault: Fault) -> None:
        """One more."""
        with self._lock:
            self._left.append((fault, fault.times))

    def clear(self) -> None:
        """None any more."""
        with self._lock:
            self._left.clear()

    def take(self, what: str) -> Fault | None:
        """The first fault that is due for this request."""
        with self._lock:
            for i, (fault, times) in enumerate(self._left):
                if times > 0 and re.search(fault.on, what):
                    self._left[i] = (fault, times - 1)
                    return fault
        return None
