"""Run cases and print what came of them: `cd tests && python -m attack 1000`, so many of every family."""

from __future__ import annotations

import argparse
import collections
import os
import tempfile
import time
import warnings
from multiprocessing import get_context
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from attack.arena import Arena
from attack.families import FAMILIES

_CHUNK = 50


def _run(chunk: tuple[str, int, int]) -> list[tuple[str, int, str, str, str, float]]:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    family, first, count = chunk
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(Path(folder))
        for seed in range(first, first + count):
            how, outcome = arena.run(FAMILIES[family], seed)
            rows.append((family, seed, how, outcome.verdict, outcome.detail, outcome.seconds))
        os.chdir("/")
    return rows


def main() -> None:
    """Run the cases and print a table and every wrong one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    start = time.monotonic()
    last = options.first + options.count
    chunks = [
        (family, first, min(_CHUNK, last - first))
        for first in range(options.first, last, _CHUNK)
        for family in options.family or FAMILIES
    ]
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    slowest: dict[str, float] = collections.defaultdict(float)
    with get_context("spawn").Pool(os.cpu_count(), maxtasksperchild=8) as pool:
        for rows in pool.imap_unordered(_run, chunks):
            for family, seed, how, verdict, detail, seconds in rows:
                counts[family][verdict] += 1
                slowest[family] = max(slowest[family], seconds)
                if verdict == "wrong":
                    print(f"WRONG {family}/{seed} ({how}): {detail}", flush=True)
    print("\n| family | tried | refused | accepted, equal | accepted, other | wrong | slowest, CPU s |")
    print("|---|---|---|---|---|---|---|")
    for family, found in counts.items():
        row = [found[verdict] for verdict in ("refused", "equal", "other", "wrong")]
        print(f"| {family} | {sum(row):,} | {' | '.join(f'{n:,}' for n in row)} | {slowest[family]:.1f} |")
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
