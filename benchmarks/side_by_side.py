"""Compare implementations of the same work: medians over rounds of CPU and wall time.

They run in turn, each in its own process, so that none is affected by another's allocator settings or memory. On a busy
machine read the CPU time: wall time includes what other programs did meanwhile.
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

__all__ = ["Setup", "argument_parser", "compare", "record", "report", "table"]

Seconds = tuple[float, float]

_LIVES = 3

Setup = Callable[[], Callable[[], object]]
"""Called in the process that is timed; returns the function to time. It must be picklable, like a function of a module
or a functools.partial of one."""


def argument_parser(doc: str | None, *, rounds: int = 7, steps: int = 0) -> argparse.ArgumentParser:
    """A parser with --rounds and --write; with default `steps` also --steps and --threads, which `report` needs."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    if steps:
        parser.add_argument("--steps", type=int, default=steps)
        parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    return parser


def report(
    setups: Mapping[str, Setup],
    options: argparse.Namespace,
    images: int,
    ours: Sequence[str],
    wanted: Mapping[str, float],
    title: str = "",
) -> list[str]:
    """Compare at each number of threads, as Markdown (see `table`). `images` is the number shown per turn."""
    lines: list[str] = []
    for threads in options.threads:
        seconds = compare(setups, options.rounds, threads)
        lines += [f"{title}{threads} thread{'s' * (threads > 1)}; {conditions(options.rounds)}", ""]
        lines += [*table(seconds, images, ours, wanted), ""]
    return lines


def compare(setups: Mapping[str, Setup], rounds: int, threads: int) -> dict[str, list[Seconds]]:
    """CPU seconds (of all threads and of ended child processes) and wall seconds of each, by round.

    A round runs all of them; the order is reversed from round to round. Processes are started anew for each third of
    the rounds, as their memory layout affects the speed; the first two rounds of a process are not counted.
    """
    times: dict[str, list[Seconds]] = {name: [] for name in setups}
    for life in range(_LIVES):
        with ExitStack() as stack:
            turns = {name: _start(setup, threads, stack) for name, setup in setups.items()}
            for i in range(-2, len(range(life, rounds, _LIVES))):
                for name in list(turns) if i % 2 else list(turns)[::-1]:
                    turns[name].send(None)
                    seconds = turns[name].recv()
                    if i >= 0:
                        times[name].append(seconds)
    return times


def _start(setup: Setup, threads: int, stack: ExitStack) -> Connection:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_take_turns, args=(setup, threads, there))
    process.start()
    there.close()
    stack.callback(process.join)
    stack.callback(here.close)  # this ends the process
    return here


def _take_turns(setup: Setup, threads: int, connection: Connection) -> None:
    torch.set_num_threads(threads)
    run = setup()
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        cpu, wall = _cpu(), time.perf_counter()
        run()
        connection.send((_cpu() - cpu, time.perf_counter() - wall))


def table(
    times: Mapping[str, list[Seconds]], images: int, ours: Sequence[str], wanted: Mapping[str, float]
) -> list[str]:
    """Markdown: images per second of each, and how many times as fast each of `ours` is (the median over rounds of the
    ratio within a round). `wanted` is the target ratio of the first of them."""
    faster = "".join(f" {name} is faster by (CPU) | (wall) |" for name in ours)
    lines = [f"| | images / CPU s | images / s |{faster} aim |", "|---" * (4 + 2 * len(ours)) + "|"]
    for name, seconds in times.items():
        each = [statistics.median(images / one[k] for one in seconds) for k in (0, 1)]
        ratios = [
            statistics.median(b[k] / a[k] for a, b in zip(times[own], seconds, strict=True))
            for own in ours
            for k in (0, 1)
        ]
        aim = f">= {wanted[name]:g}" if name in wanted else ""
        cells = [name, f"{each[0]:.0f}", f"{each[1]:.0f}", *(f"{ratio:.2f}" for ratio in ratios), aim]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def record(page: Path | None, section: str, lines: list[str]) -> None:
    """Print the lines; if a page is given, also write them there between `<!-- section -->` and `<!-- /section -->`."""
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
