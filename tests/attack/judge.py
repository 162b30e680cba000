"""Running one case in this process and judging what came of it."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.cli import main
from zoo.errors import ZooError

__all__ = ["PASSWORD", "SECRET", "Outcome", "command", "judge"]

SECRET = "hf_attackers-must-never-see-this"
"""In the environment, and in a file outside the folder of each case."""

PASSWORD = "a-password-within-an-address"
"""Never printed by a command that takes the address of a registry."""

_CODES = (0, 1, 2, 130, 141)
_MOST_SECONDS, _MOST_WAITED = 10.0, 20.0
_MOST_BYTES = 2**31

Verdict = Literal["refused", "equal", "other", "wrong"]


@dataclass(frozen=True)
class Outcome:
    """What came of a case. `equal`: accepted, with the result of the undamaged input; `other`: accepted with another
    result, as of a text that its owner may change; `detail` says what was refused, or what is wrong."""

    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


class _Overrun(BaseException):
    """Stops a case that takes too long; no code catches it."""


def command(*words: str) -> Callable[[Path], object]:
    """An action that runs the program with these words, `{}` standing for the case's folder; its result is what it
    prints and the bytes of `out.npz`."""

    def run(place: Path) -> object:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([word.replace("{}", str(place)) for word in words])
            except SystemExit as done:
                code = done.code
        said = err.getvalue()
        if code not in _CODES or "This is a bug" in said or "Traceback (most recent" in said:
            raise AssertionError(f"exit {code}: {said.strip()[-300:]}")
        hidden = (SECRET, PASSWORD) if words[0] == "--registry" else (SECRET,)
        if any(text in out.getvalue() + said for text in hidden):
            raise AssertionError("it printed a secret")
        if code != 0:
            raise ZooError(said.strip()[:200])
        written = place / "out.npz"
        return out.getvalue(), written.read_bytes() if written.is_file() else b""

    return run


def judge(action: Callable[[Path], object], place: Path, undamaged: object, *, pinned: bool) -> Outcome:
    """Run an action on a damaged folder. `undamaged` is its result before; what is `pinned` may give no other."""
    before, memory = time.process_time(), _peak()
    try:
        with _guarded(place), warnings.catch_warnings(action="ignore"):
            result = action(place)
        verdict, detail = ("equal", "") if result == undamaged else ("wrong" if pinned else "other", "another result")
    except ZooError as error:
        verdict, detail = "refused", error.message
        if SECRET in str(error):
            verdict, detail = "wrong", "the error has the secret"
    except (_Overrun, AssertionError) as error:
        verdict, detail = "wrong", str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        verdict, detail = "wrong", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:300]
    seconds = time.process_time() - before
    if seconds > _MOST_SECONDS and verdict != "wrong":
        verdict, detail = "wrong", f"{seconds:.0f} CPU s"
    if _peak() - memory > _MOST_BYTES:
        verdict, detail = "wrong", f"{(_peak() - memory) / 2**30:.1f} GiB"
    return Outcome(verdict, detail, seconds)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


_allowed: Path | None = None
_touched: list[str] = []
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree")
_PROCESSES = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")


def _watch(event: str, arguments: Sequence[Any]) -> None:
    """Notes a write outside the folder of the case, and every process that is started."""
    if _allowed is None:
        return
    if event in _PROCESSES:
        _touched.append(f"started {str(arguments[0])[:80]}")
    paths: Sequence[Any] = ()
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
        paths = arguments[:1]
    elif event in _CHANGES:
        paths = arguments[: 2 if event in ("os.rename", "os.link") else 1]
        paths = arguments[1:2] if event == "os.symlink" else paths
    for path in paths:
        if isinstance(path, (str, bytes, os.PathLike)):
            real = os.path.abspath(os.fsdecode(path))
            if not real.startswith(f"{_allowed}/") and real not in ("/dev/null", str(_allowed)):
                _touched.append(f"{event} {real[:120]}")


@contextlib.contextmanager
def _guarded(place: Path) -> Iterator[None]:
    """Stops the block after 10 CPU seconds or 20 in all; raises AssertionError if it touched what is not its own."""
    global _allowed
    if _watch not in _hooked:
        sys.addaudithook(_watch)
        _hooked.append(_watch)

    def stop(number: int, frame: object) -> None:
        raise _Overrun("it waited 20 seconds" if number == signal.SIGALRM else "it took 10 CPU seconds")

    previous = [(number, signal.signal(number, stop)) for number in (signal.SIGALRM, signal.SIGPROF)]
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + 2 * _MOST_BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, _MOST_WAITED)
    signal.setitimer(signal.ITIMER_PROF, _MOST_SECONDS)
    _touched.clear()
    _allowed = place.parent
    try:
        yield
    finally:
        _allowed = None
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in previous:
            signal.signal(number, handler)
    if _touched:
        raise AssertionError(f"outside its folder: {_touched[0]}")


_hooked: list[object] = []
