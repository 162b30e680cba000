"""Everything that Zoo raises on purpose.

    ZooError
    ├── ConfigError          (ValueError)   a setting, a flag or a file's key is wrong
    │   ├── UnknownName      (LookupError)  nothing is called that; near matches are shown
    │   └── CompositionError                parts that do not fit each other
    ├── PluginError          (ImportError)  a plugin, or the code behind a component, failed
    ├── DataError            (ValueError)   images that cannot be read, or none at all
    ├── ReleaseError         (ValueError)   a release folder is malformed
    │   └── IntegrityError                  its bytes are not what the manifest pins
    ├── RemoteError          (OSError)      the Hub, or the way to it, failed or refused
    ├── TransferError        (ValueError)   a strategy cannot do what it promises
    └── TrainingError        (RuntimeError) training had to stop
        ├── Diverged                        losses are no longer numbers
        ├── OutOfMemory      (MemoryError)  a batch does not fit; the message says what does
        └── StorageError     (OSError)      the disk is full or cannot be written

Each holds one line that says what failed, whose it is and why, and a `hint`: the next thing to do.
The command line prints both, exits with `exit_code`, and shows a traceback only when asked to.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CompositionError",
    "ConfigError",
    "DataError",
    "Diverged",
    "IntegrityError",
    "OutOfMemory",
    "PluginError",
    "ReleaseError",
    "RemoteError",
    "StorageError",
    "TrainingError",
    "TransferError",
    "UnknownName",
    "ZooError",
    "near",
]


class ZooError(Exception):
    """A failure that Zoo understands: a message of one line and what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(ZooError, ValueError):
    """A setting is wrong: unknown key, wrong type, value out of range."""

    exit_code = 2


class UnknownName(ConfigError, LookupError):
    """A component, release, data set or command of that name does not exist."""


class CompositionError(ConfigError):
    """Two parts do not fit: the message names the axis, both values and what would fit."""


class PluginError(ZooError, ImportError):
    """A plugin or the code behind one of its components failed."""


class DataError(ZooError, ValueError):
    """A source of images is missing, empty or unreadable."""


class ReleaseError(ZooError, ValueError):
    """A release folder or its manifest is malformed."""


class IntegrityError(ReleaseError):
    """A file of a release is not the one that its manifest pins."""


class RemoteError(ZooError, OSError):
    """The Hub cannot be reached, refused, or gave what it should not; nothing half-done was left behind."""

    def __str__(self) -> str:  # OSError would print only its first argument
        return ZooError.__str__(self)


class TransferError(ZooError, ValueError):
    """A transfer strategy cannot be planned, or gave less than it promises."""


class TrainingError(ZooError, RuntimeError):
    """Training had to stop; what was written until then is whole."""


class Diverged(TrainingError):
    """A loss or a weight is no longer a finite number."""


class OutOfMemory(TrainingError, MemoryError):
    """A batch does not fit into memory; the last checkpoint is whole."""


class StorageError(TrainingError, OSError):
    """A file could not be written; nothing half-written was left behind."""

    def __str__(self) -> str:  # OSError would print only its first argument
        return ZooError.__str__(self)


def near(name: str, known: Iterable[str], limit: int = 3) -> str:
    """A hint with the known names nearest to `name`, or all of them when they are few.

    >>> near("dcgn", ["dcgan", "mlp"])
    'Did you mean dcgan?'
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if not names:
        return ""
    shown = ", ".join(names[:12])
    return f"Known: {shown}{', ...' if len(names) > 12 else ''}."
