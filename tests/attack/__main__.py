"""Run cases and print what came of them: `cd tests && python -m attack 1000`, so many of every family."""

from __future__ import annotations

import argparse
import os
import time
from multiprocessing import get_context

from attack.families import FAMILIES
from attack.many import Part, Tried, run_part, table

_STEP = 50


def main() -> None:
    """Run the cases in as many processes as there are processors; print every wrong one, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    start, last = time.monotonic(), options.first + options.count
    parts = [
        Part(family, first, min(_STEP, last - first))
        for first in range(options.first, last, _STEP)
        for family in options.family or FAMILIES
    ]
    tried: list[Tried] = []
    with get_context("spawn").Pool(os.cpu_count(), maxtasksperchild=8) as pool:
        for done in pool.imap_unordered(run_part, parts):
            tried += done
            for one in done:
                if one.outcome.verdict == "wrong":
                    print(f"WRONG {one}", flush=True)
    print(f"\n{table(tried)}\n\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
