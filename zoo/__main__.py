"""The command `zoo`, also as `python -m zoo`. Before a command runs, and after it, Ctrl-C ends the program at once."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the program; see `zoo.cli.main`. Exit code 130 after a Ctrl-C while it starts or ends."""
    signal.signal(signal.SIGINT, _leave)
    from zoo.cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    finally:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    """In the middle of an import, or of the interpreter's end, an exception would only print a traceback."""
    os.write(2, b"stopped\n")
    os._exit(130)


if __name__ == "__main__":
    main()
