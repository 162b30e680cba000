"""Many cases: a part of a family in an arena of its own, and the counts of what came of them."""

from __future__ import annotations

import collections
import os
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from attack.arena import Arena
from attack.families import FAMILIES
from attack.judge import Outcome

__all__ = ["Part", "Tried", "run_part", "table"]


@dataclass(frozen=True)
class Part:
    """The cases of a family from the seed `first` on, `count` of them."""

    family: str
    first: int
    count: int


@dataclass(frozen=True)
class Tried:
    """A case: the family, the seed, what was damaged and done, and what came of it."""

    family: str
    seed: int
    how: str
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.family}/{self.seed} ({self.how}): {self.outcome.detail}"


def run_part(part: Part) -> list[Tried]:
    """Run these cases in a temporary folder of their own."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(Path(folder).resolve())
        try:
            seeds = range(part.first, part.first + part.count)
            return [Tried(part.family, seed, *arena.run(FAMILIES[part.family], seed)) for seed in seeds]
        finally:
            os.chdir(before)


def table(tried: Iterable[Tried]) -> str:
    """The counts of each family, as a table of Markdown."""
    counts: dict[str, collections.Counter[str]] = {family: collections.Counter() for family in FAMILIES}
    slowest: dict[str, float] = collections.defaultdict(float)
    for one in tried:
        counts[one.family][one.outcome.verdict] += 1
        slowest[one.family] = max(slowest[one.family], one.outcome.seconds)
    lines = [
        "| family | tried | refused | accepted, equal | accepted, other | wrong | slowest, CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for family, found in (*counts.items(), ("all", sum(counts.values(), collections.Counter()))):
        row = [found[verdict] for verdict in ("refused", "equal", "other", "wrong")]
        longest = max(slowest.values(), default=0.0) if family == "all" else slowest[family]
        lines.append(f"| {family} | {sum(row):,} | {' | '.join(f'{n:,}' for n in row)} | {longest:.1f} |")
    return "\n".join(lines)
