"""Record what a block does outside itself: connections, processes, files, prints, threads and global settings."""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["watching"]

_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
_PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn"}
_FOLDERS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's gradient mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "torch's precision of matrix products": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "torch's seed": (torch.initial_seed, lambda seed: None),  # the block's caller restores the generator
    "Python's random generator": (random.getstate, random.setstate),
    "NumPy's random generator": (lambda: _hashable(np.random.get_state()), np.random.set_state),
    "the working directory": (os.getcwd, os.chdir),
}
"""Global settings, by name: how each is read and set."""

_watchers: list[Callable[[str, tuple[Any, ...]], None]] = []
_installed: list[bool] = []


@contextmanager
def watching() -> Iterator[list[str]]:
    """A list that has one line per side effect when the block ends; compiled Python files do not count, nor do files in
    the temporary folder outside the working directory. Global settings are put back."""
    if not _installed:  # an audit hook cannot be removed: one serves all blocks and does nothing outside them
        _installed.append(True)
        sys.addaudithook(lambda event, arguments: [watcher(event, arguments) for watcher in _watchers] and None)
    notes: list[str] = []
    threads = set(threading.enumerate()) - {threading.current_thread()}

    def watcher(event: str, arguments: tuple[Any, ...]) -> None:
        if threading.current_thread() not in threads and (note := _note(event, arguments)):
            notes.append(note)

    tempfile.gettempdir()  # its first call opens files under a lock, and the watcher calls it
    before = {name: read() for name, (read, _) in _SETTINGS.items()}
    printed = io.StringIO()
    _watchers.append(watcher)
    try:
        with contextlib.redirect_stdout(printed):
            yield notes
    finally:
        _watchers.remove(watcher)
        notes += [f"setting: {name} was changed" for name in _restored(before)]
    if printed.getvalue():
        notes.append(f"print: {printed.getvalue()[:100]!r}")
    running = set(threading.enumerate()) - threads - {threading.current_thread()}
    notes += [f"thread: {thread.name} is still running" for thread in running]


def _restored(before: dict[str, Any]) -> list[str]:
    """The names of the settings that are not as `before`; they are put back."""
    changed = [name for name, (read, _) in _SETTINGS.items() if read() != before[name]]
    for name in changed:
        _SETTINGS[name][1](before[name])
    return changed


def _hashable(state: Any) -> Any:
    kind, keys, *rest = state
    return (kind, tuple(keys.tolist()), *rest)


def _note(event: str, arguments: tuple[Any, ...]) -> str:
    if event in _NETWORK:
        return f"network: {event}{arguments[-1:]}"
    if event in _PROCESSES:
        return f"process: {event} {' '.join(map(str, arguments[1:2]))[:100]}".rstrip()
    if (event == "open" and _writes(arguments)) or event in _FOLDERS:
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike) and not _allowed(os.fsdecode(path)):
            return f"file: {event} {os.fsdecode(path)}"
    return ""


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & _WRITES)


def _allowed(path: str) -> bool:
    absolute = Path(os.path.abspath(path))
    working, temporary = Path.cwd(), Path(tempfile.gettempdir()).resolve()
    if "__pycache__" in absolute.parts or absolute == Path(os.devnull):
        return True
    inside = working != temporary and working in (absolute, *absolute.parents)
    return temporary in (absolute, *absolute.parents) and not inside
