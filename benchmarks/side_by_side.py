"""Things that do the same work, run in turn in one process, and compared: medians over rounds of CPU and wall time.

On a busy machine CPU time is the figure to read: wall time counts what others did meanwhile.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

__all__ = ["compare", "record", "table"]

Seconds = tuple[float, float]


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


def table(found: Mapping[str, list[Seconds]], images: int, ours: str, wanted: Mapping[str, float]) -> list[str]:
    """Markdown: images a second of each, and how many times as fast `ours` is, as the median over rounds of the ratio
    within one; `wanted` is the ratio aimed at."""
    lines = [
        "| | images / CPU s | images / s | ours is faster by (CPU) | (wall) | aim |",
        "|---|---|---|---|---|---|",
    ]
    for name, seconds in found.items():
        each = [statistics.median(images / one[k] for one in seconds) for k in (0, 1)]
        ratios = [
            statistics.median(b[k] / a[k] for a, b in zip(found[ours], seconds, strict=True)) if name != ours else 1.0
            for k in (0, 1)
        ]
        aim = f">= {wanted[name]:g}" if name in wanted else ""
        lines.append(f"| {name} | {each[0]:.0f} | {each[1]:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {aim} |")
    return lines


def record(page: Path | None, section: str, lines: list[str]) -> None:
    """Print the lines; put them into the page between `<!-- section -->` and `<!-- /section -->`, if one is given."""
    text = "\n".join(lines)
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
