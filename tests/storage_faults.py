"""Faults of a disk, for tests of what is written: every operation below a folder is counted, and one of them fails.

Counted are opening a file to write, each write, fsync, rename, replace, mkdir, rmdir, unlink and truncate. A fault is

full     ENOSPC; from then on nothing can be created or written
broken   EIO, once
denied   EACCES, once
killed   SIGKILL right after the operation
torn     SIGKILL in the middle of a write
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

__all__ = ["ERRORS", "FAULTS", "KILLS", "Disk", "in_child"]

ERRORS = {"full": errno.ENOSPC, "broken": errno.EIO, "denied": errno.EACCES}
KILLS = ("killed", "torn")
FAULTS = (*ERRORS, *KILLS)

_GROWING = ("open", "write", "mkdir")
_PATHS = ("mkdir", "rmdir", "unlink", "remove", "truncate", "rename", "replace")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Disk:
    """What lies below `root`. While it is `watched`, `operations` lists what is done there, by name and path; number
    `at` of them, from 1, has the fault `kind`, and `failed` says whether it came so far."""

    def __init__(self, root: Path, kind: str = "", at: int = 0) -> None:
        self.root = os.path.realpath(root)
        self.kind = kind
        self.at = at
        self.operations: list[str] = []
        self.failed = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count and fail while the block runs."""
        with ExitStack() as stack:
            for name in _PATHS:
                stack.enter_context(patch.object(os, name, self._on_path(name, getattr(os, name))))
            stack.enter_context(patch.object(os, "fsync", self._on_descriptor("fsync", os.fsync)))
            stack.enter_context(patch.object(os, "open", self._os_open(os.open)))
            opened = self._open(io.open)
            stack.enter_context(patch.object(io, "open", opened))
            stack.enter_context(patch.object(builtins, "open", opened))
            yield

    def run(self, name: str, path: str, call: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """Do an operation, or its fault. `half` does a part of it."""
        if not path.startswith(self.root):
            return call()
        place = re.sub(r"\.[0-9a-f]{12}\.partial", ".*.partial", os.path.relpath(path, self.root))
        self.operations.append(f"{name} {place}")
        if len(self.operations) == self.at:
            self.failed = True
            if self.kind in KILLS:
                try:
                    (half if self.kind == "torn" and half is not None else call)()
                finally:  # also if there is nothing to do, such as no file to remove
                    os.kill(os.getpid(), signal.SIGKILL)
            if half is not None:
                half()
        elif not (self.failed and self.kind == "full" and name in _GROWING):
            return call()
        raise OSError(ERRORS[self.kind], os.strerror(ERRORS[self.kind]), path)

    def _on_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, *others: Any, dir_fd: int | None = None, **options: Any) -> Any:
            own = {} if dir_fd is None else {"dir_fd": dir_fd}
            where = os.path.join(_opened(dir_fd), os.fsdecode(path)) if dir_fd is not None else _absolute(path)
            return self.run(name, where, lambda: real(path, *others, **own, **options))

        return operation

    def _on_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda descriptor: self.run(name, _opened(descriptor), lambda: real(descriptor))

    def _os_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, flags: int, *others: Any, **options: Any) -> Any:
            def call() -> Any:
                return real(path, flags, *others, **options)

            return self.run("open", _absolute(path), call) if flags & _WRITING and "dir_fd" not in options else call()

        return operation

    def _open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(file: Any, mode: str = "r", *others: Any, **options: Any) -> Any:
            def call() -> Any:
                return real(file, mode, *others, **options)

            if isinstance(file, int) or not set(mode) & set("wxa+"):
                return call()
            path = _absolute(file)
            return _File(self, path, self.run("open", path, call))

        return operation


class _File:
    """A file whose writes reach the disk at once, whole or by half."""

    def __init__(self, disk: Disk, path: str, file: Any) -> None:
        self._disk, self._path, self._file = disk, path, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: Any) -> int:
        def put(part: Any) -> int:
            self._file.write(part)
            self._file.flush()
            return len(part)

        half = len(data) // 2
        return self._disk.run("write", self._path, lambda: put(data), lambda: put(data[:half]))  # type: ignore[no-any-return]


def in_child(action: Callable[[], object]) -> int:
    """Run in a forked process: 0 if it ended, the number of the signal that killed it, or else 255."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            os._exit(255)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _absolute(path: Any) -> str:
    """The path without links, but for its last part, which the operation may be about."""
    head, tail = os.path.split(os.path.abspath(os.fsdecode(path)))
    return os.path.join(os.path.realpath(head), tail)


def _opened(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")
