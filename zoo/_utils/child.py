"""How a Python process is started: it imports nothing from the working directory."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

__all__ = ["Child", "python_child"]


class Child(NamedTuple):
    """What `subprocess` is given: the command, and the environment."""

    command: list[str]
    environment: dict[str, str]


def python_child(*words: str, **environment: str) -> Child:
    """This Python with those words (`-m`, `zoo`, ...), and with those variables besides its own.

    A folder that somebody else filled, such as an unpacked release, may be the working directory: with `-P`, and
    without relative paths in PYTHONPATH, neither the process nor one that it starts imports a `torch.py` from it.
    """
    own = dict(os.environ)
    absolute = [path for path in own.pop("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(path)]
    if absolute:
        own["PYTHONPATH"] = os.pathsep.join(absolute)
    return Child([sys.executable, "-P", *words], {**own, "PYTHONSAFEPATH": "1", **environment})
