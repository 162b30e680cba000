"""Record the side effects of a block: connections, DNS look-ups, and files written outside the temporary folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

__all__ = ["watching"]

_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
_FOLDERS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)
_installed: list[bool] = []


@contextmanager
def watching() -> Iterator[list[str]]:
    """A list that gets one line per side effect of the block; compiled Python files do not count."""
    if not _installed:  # an audit hook cannot be removed: one serves all blocks and does nothing outside them
        _installed.append(True)
        sys.addaudithook(_hook)
    notes: list[str] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    notes = _notes.get()
    if notes is None:
        return
    if event in _NETWORK:
        notes.append(f"network: {event}{arguments[-1:]}")
    elif (event == "open" and _writes(arguments)) or event in _FOLDERS:
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike) and not _allowed(os.fsdecode(path)):
            notes.append(f"file: {event} {os.fsdecode(path)}")


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & _WRITES)


def _allowed(path: str) -> bool:
    absolute = Path(os.path.abspath(path))
    return (
        "__pycache__" in absolute.parts
        or absolute == Path(os.devnull)
        or Path(tempfile.gettempdir()).resolve() in (absolute, *absolute.parents)
    )
