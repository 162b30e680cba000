"""Things that do the same work, run in turn in one process, and compared: medians over rounds of CPU and wall time.

On a busy machine CPU time is the figure to read: wall time counts what others did meanwhile.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

__all__ = ["compare", "options", "record", "report", "table"]

Seconds = tuple[float, float]


def options(doc: str | None, steps: int) -> argparse.ArgumentParser:
    """What every comparison can be told: rounds, steps of a runner's turn, numbers of threads, the page to write."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--write", type=Path)
    return parser


def report(
    runners: Mapping[str, Callable[[], object]],
    given: argparse.Namespace,
    images: int,
    ours: Sequence[str],
    wanted: Mapping[str, float],
    title: str = "",
) -> list[str]:
    """Compare at each number of threads; Markdown, see `table`. A turn of each runner shows so many images."""
    lines: list[str] = []
    for threads in given.threads:
        torch.set_num_threads(threads)
        found = compare(runners, given.rounds)
        lines += [f"{title}{threads} thread{'s' * (threads > 1)}; {conditions(given.rounds)}", ""]
        lines += [*table(found, images, ours, wanted), ""]
    return lines


def compare(runners: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Seconds]]:
    """CPU seconds (all threads, ended child processes too) and wall seconds of every runner, round by round; each
    round goes through all of them, once forwards and once backwards. One more round before is not counted."""
    found: dict[str, list[Seconds]] = {name: [] for name in runners}
    for i in range(rounds + 1):
        for name in list(runners) if i % 2 else list(runners)[::-1]:
            cpu, wall = _cpu(), time.perf_counter()
            runners[name]()
            if i:
                found[name].append((_cpu() - cpu, time.perf_counter() - wall))
    return found


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
