"""Things that do the same work, in turn, and compared: medians over rounds of CPU and wall time.

Each has a process of its own, so that none lives on what another did to its process: an allocator's settings, memory
already touched. They wait for one another. On a busy machine CPU time is the figure to read: wall time counts what
others did meanwhile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import torch

__all__ = ["Maker", "compare", "options", "record", "report", "table"]

Seconds = tuple[float, float]

_LIVES = 3

Maker = Callable[[], Callable[[], object]]
"""Called in the process of its own, gives what is timed there: a module's function, or a functools.partial of one."""


def options(doc: str | None, steps: int) -> argparse.ArgumentParser:
    """What every comparison can be told: rounds, steps of a runner's turn, numbers of threads, the page to write."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--write", type=Path)
    return parser


def report(
    makers: Mapping[str, Maker],
    given: argparse.Namespace,
    images: int,
    ours: Sequence[str],
    wanted: Mapping[str, float],
    title: str = "",
) -> list[str]:
    """Compare at each number of threads; Markdown, see `table`. A turn of each shows so many images."""
    lines: list[str] = []
    for threads in given.threads:
        found = compare(makers, given.rounds, threads)
        lines += [f"{title}{threads} thread{'s' * (threads > 1)}; {conditions(given.rounds)}", ""]
        lines += [*table(found, images, ours, wanted), ""]
    return lines


def compare(makers: Mapping[str, Maker], rounds: int, threads: int) -> dict[str, list[Seconds]]:
    """CPU seconds (all threads, ended child processes too) and wall seconds of each, round by round; each round goes
    through all of them, once forwards and once backwards. Processes live for a third of the rounds, after two that are
    not counted: where their memory happens to lie makes some quicker than others."""
    found: dict[str, list[Seconds]] = {name: [] for name in makers}
    for life in range(_LIVES):
        with ExitStack() as stack:
            turns = {name: _start(maker, threads, stack) for name, maker in makers.items()}
            for i in range(-2, len(range(life, rounds, _LIVES))):
                for name in list(turns) if i % 2 else list(turns)[::-1]:
                    turns[name].send(None)
                    seconds = turns[name].recv()
                    if i >= 0:
                        found[name].append(seconds)
    return found


def _start(maker: Maker, threads: int, stack: ExitStack) -> Connection:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_take_turns, args=(maker, threads, there))
    process.start()
    there.close()
    stack.callback(process.join)
    stack.callback(here.close)  # which ends it
    return here


def _take_turns(maker: Maker, threads: int, told: Connection) -> None:
    torch.set_num_threads(threads)
    run = maker()
    while True:
        try:
            told.recv()
        except EOFError:
            return
        cpu, wall = _cpu(), time.perf_counter()
        run()
        told.send((_cpu() - cpu, time.perf_counter() - wall))


def table(
    found: Mapping[str, list[Seconds]], images: int, ours: Sequence[str], wanted: Mapping[str, float]
) -> list[str]:
    """Markdown: images a second of each, and how many times as fast each of `ours` is, as the median over rounds of the
    ratio within one; `wanted` is the ratio that the first of them aims at."""
    faster = "".join(f" {name} is faster by (CPU) | (wall) |" for name in ours)
    lines = [f"| | images / CPU s | images / s |{faster} aim |", "|---" * (4 + 2 * len(ours)) + "|"]
    for name, seconds in found.items():
        each = [statistics.median(images / one[k] for one in seconds) for k in (0, 1)]
        ratios = [
            statistics.median(b[k] / a[k] for a, b in zip(found[own], seconds, strict=True))
            for own in ours
            for k in (0, 1)
        ]
        aim = f">= {wanted[name]:g}" if name in wanted else ""
        cells = [name, f"{each[0]:.0f}", f"{each[1]:.0f}", *(f"{ratio:.2f}" for ratio in ratios), aim]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def record(page: Path | None, section: str, lines: list[str]) -> None:
    """Print the lines; put them into the page between `<!-- section -->` and `<!-- /section -->`, if one is given."""
    text = "\n".join(lines).rstrip()
    print(text)
    if page is not None:
        begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
        before, _, rest = page.read_text("utf-8").partition(begin)
        page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", "utf-8")


def conditions(rounds: int) -> str:
    """One line on the machine and its load."""
    load = os.getloadavg()[0]
    return f"torch {torch.__version__}, {os.cpu_count()} cores, load {load:.1f} meanwhile, medians of {rounds} rounds."


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
