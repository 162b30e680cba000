"""The errors that zoo raises.

    ZooError
    ├── ConfigError          (ValueError)   a setting, a flag or a file's key is wrong
    │   ├── UnknownName      (LookupError)  the name does not exist; similar names are shown
    │   └── CompositionError                parts do not fit together
    ├── PluginError          (ImportError)  a plugin, or the code of a component, failed
    ├── DataError            (ValueError)   images are missing or cannot be read
    ├── ReleaseError         (ValueError)   a release folder is malformed
    │   └── IntegrityError                  a file differs from its pin in the manifest
    ├── RemoteError          (OSError)      the Hub or the network failed, or the Hub refused
    ├── TransferError        (ValueError)   a strategy cannot be planned
    └── TrainingError        (RuntimeError) training had to stop
        ├── Diverged                        losses are not finite
        ├── OutOfMemory      (MemoryError)  a batch does not fit; the message says which one does
        └── StorageError     (OSError)      the disk is full or cannot be written

Each has a `message` of one line (what failed, where, and why) and a `hint`: the next thing to do. The command line
prints both and exits with `exit_code`; it shows a traceback only with `--traceback`.
"""

from __future__ import annotations

import difflib
import re
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
    "without_passwords",
]


_USER = re.compile(r"://[^/\s\"'<>]+@")
_QUERY = re.compile(r"([?&][\w-]*(?:token|key|secret|password|signature)[\w-]*=)[^&#\s\"'<>]+", re.IGNORECASE)


class ZooError(Exception):
    """The base class: a message of one line, and a hint about what to do next, without passwords of addresses."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = without_passwords(message)
        self.hint = without_passwords(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(ZooError, ValueError):
    """A setting is wrong: an unknown key, a wrong type, or a value out of range."""

    exit_code = 2


class UnknownName(ConfigError, LookupError):
    """A component, release, data set or command of that name does not exist."""


class CompositionError(ConfigError):
    """Two parts do not fit together; the message has the axis, both values, and what would fit."""


class PluginError(ZooError, ImportError):
    """A plugin, or the code of one of its components, failed."""


class DataError(ZooError, ValueError):
    """A source of images is missing, empty or unreadable."""


class ReleaseError(ZooError, ValueError):
    """A release folder or its manifest is malformed."""


class NotARelease(ReleaseError):
    """A repository of the Hub has no manifest."""


class IntegrityError(ReleaseError):
    """A file of a release differs from its pin in the manifest."""


class RemoteError(ZooError, OSError):
    """The Hub cannot be reached, refused, or sent an invalid answer; no incomplete file was left behind."""

    def __str__(self) -> str:  # OSError would print only its first argument
        return ZooError.__str__(self)


class TransferError(ZooError, ValueError):
    """A transfer strategy cannot be planned, or a tensor that it must fill gets no value."""


class TrainingError(ZooError, RuntimeError):
    """Training had to stop; the files written so far are complete."""


class Diverged(TrainingError):
    """A loss or a weight is not finite."""


class OutOfMemory(TrainingError, MemoryError):
    """A batch does not fit into memory; the last checkpoint is complete."""


class StorageError(TrainingError, OSError):
    """A file could not be written; no incomplete file was left behind."""

    def __str__(self) -> str:  # OSError would print only its first argument
        return ZooError.__str__(self)


def without_passwords(text: str) -> str:
    """`text` with `***` for the user and password, and for tokens in the query, of each address in it.

    >>> without_passwords("https://ann:secret@lab.example/x?token=abc is gone")
    'https://***@lab.example/x?token=*** is gone'
    """
    return _QUERY.sub(r"\1***", _USER.sub("://***@", text))


def near(name: str, known: Iterable[str], limit: int = 3) -> str:
    """A hint with the known names that are most similar to `name`, or else with up to 12 known names.

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
