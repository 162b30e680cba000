"""How long `zoo --help` and `zoo list` take beside `hf --help` and `llm --help`.

    pip install . ./plugins/*                                # in one environment
    pip install llm                                          # in another
    python benchmarks/startup.py --llm OTHER/bin/llm --rounds 21 [--write docs/appendix/start-up.md]

The commands run in turns, so that a busy moment of the machine hits all of them; medians are told.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

OURS = ("zoo --help", "zoo list")
TEXT = """# Start-up time

*Generated page: `python benchmarks/startup.py` measures and writes it.*

A command that prints help or a list should respond at once. This page compares Zoo with two other programs: one that
loads plugins and one that talks to the Hub. They take turns for {rounds} rounds, after one round that is not counted,
with standard output into a pipe.

{table}

- {verdict}
- {installed}
- Machine: {machine}.
"""


def main() -> None:
    """Print the table, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(sys.executable).parent
    parser.add_argument("--zoo", type=Path, default=beside / "zoo")
    parser.add_argument("--hf", type=Path, default=beside / "hf")
    parser.add_argument("--llm", type=Path, default=beside / "llm")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    programs = {"zoo": given.zoo, "hf": given.hf, "llm": given.llm}
    commands = [*OURS, "hf --help", "llm --help"]
    walls: dict[str, list[float]] = {command: [] for command in commands}
    cpus: dict[str, list[float]] = {command: [] for command in commands}
    before = os.getloadavg()[0]
    for i in range(given.rounds + 1):
        for command in commands:
            program, *words = command.split()
            wall, cpu = timed([str(programs[program]), *words])
            if i:  # the first round fills the caches of the file system
                walls[command].append(wall)
                cpus[command].append(cpu)
    wall, cpu = ({c: statistics.median(found[c]) for c in commands} for found in (walls, cpus))
    rows = [f"| `{c}` | {wall[c]:.2f} | {min(walls[c]):.2f} | {cpu[c]:.2f} |" for c in commands]
    table = "\n".join(["| command | seconds, median | fastest | CPU seconds, median |", "|---|---:|---:|---:|", *rows])
    page = TEXT.format(
        rounds=given.rounds,
        table=table,
        verdict=verdict(wall, cpu),
        installed=installed(given.zoo, programs),
        machine=f"{os.cpu_count()} cores, load {before:.1f} before and {os.getloadavg()[0]:.1f} after",
    )
    if given.write:
        given.write.write_text(page, "utf-8")
    print(page if given.write else table)


def timed(words: list[str]) -> tuple[float, float]:
    """Seconds until the program has ended, and seconds of CPU that it used."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


def verdict(wall: dict[str, float], cpu: dict[str, float]) -> str:
    """Our commands as a share of the faster of the others, in wall time and in CPU."""
    others = [command for command in wall if command not in OURS]
    told = []
    for name, found in (("wall", wall), ("CPU", cpu)):
        fastest = min(others, key=lambda command: found[command])
        shares = " and ".join(f"`{ours}` takes {100 * found[ours] / found[fastest]:.0f} %" for ours in OURS)
        told.append(f"In {name} time {shares} of what `{fastest}` takes, the faster of the two others.")
    return " ".join(told)


def installed(zoo: Path, programs: dict[str, Path]) -> str:
    """The versions, and the plugins that were there."""
    rows = json.loads(subprocess.run([zoo, "plugins", "list", "--json"], capture_output=True, check=True).stdout)
    plugins = ", ".join(f"{row['name']} {row['version']}" for row in rows)
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    versions = []
    for name, path in (("huggingface_hub", programs["hf"]), ("llm", programs["llm"])):
        told = subprocess.run([path.parent / "python", "-c", code, name], capture_output=True, text=True, check=True)
        versions.append(f"{name} {told.stdout.strip()}")
    return f"Installed with zoo: {plugins}. The others: {', '.join(versions)}; Python {sys.version.split()[0]}."


if __name__ == "__main__":
    main()
