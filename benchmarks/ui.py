"""How long `zoo ui` takes from its start to the first sample, and to answer while nothing else happens and while a run
that it started trains.

    pip install '.[ui]' ./plugins/*
    python benchmarks/ui.py --rounds 3 --asked 20 [--write docs/browser.md]

Each round starts a server of its own, asks for samples as the page does (the same HTTP requests, each answer's picture
fetched too), begins a transfer on the page, asks again while it trains, and stops it. So a busy moment of the machine
hits both. Wall seconds, and the CPU seconds that the server used meanwhile (Linux; the run is a process of its own).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MODEL, SOURCE, DATA = "dcgan.mnist5k", "dcgan.glyphs-sans32", "mnist5k"
PICTURES = 64
PATIENCE = 300.0
MARKS = ("<!-- ui -->", "<!-- /ui -->")
Timed = tuple[float, float]


class Page:
    """A served page, asked as the browser asks it."""

    def __init__(self, runs: Path) -> None:
        words = [sys.executable, "-m", "zoo", "ui", "--runs", str(runs)]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"no page: {said}")
            said += line
        self.address = found[0]
        self.dependencies: dict[str, int] = {}
        self.inputs: dict[str, list[Any]] = {}
        config = json.loads(self._get("/config"))
        labels = {one["id"]: one["props"].get("value") for one in config["components"] if one["type"] == "button"}
        values = {one["id"]: one["props"].get("value") for one in config["components"]}
        for one in config["dependencies"]:
            for target, event in one["targets"]:
                if event == "click" and target in labels:
                    self.dependencies[labels[target]] = one["id"]
                    self.inputs[labels[target]] = [values[name] for name in one["inputs"]]

    def press(self, button: str, data: Sequence[Any]) -> Any:
        """What the server answers to a click, with these inputs."""
        session = secrets.token_hex(6)
        asked = {"fn_index": self.dependencies[button], "data": list(data), "session_hash": session}
        self._get("/gradio_api/queue/join", json.dumps(asked).encode())
        with urllib.request.urlopen(f"{self.address}/gradio_api/queue/data?session_hash={session}") as lines:
            for line in lines:
                told = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if told.get("msg") == "process_completed":
                    if not told["success"]:
                        raise SystemExit(f"{button} was refused: {told['output']}")
                    return told["output"]["data"]
        raise SystemExit(f"{button}: no answer")

    def sample(self, seed: int) -> Timed:
        """64 samples of a seed, until their picture is here."""
        start, used = time.perf_counter(), self.cpu()
        [picture] = self.press("Sample", [MODEL, PICTURES, seed, 1])
        if not self._get(picture["url"].removeprefix(self.address)).startswith(b"\x89PNG"):
            raise SystemExit("the answer is no picture")
        return time.perf_counter() - start, self.cpu() - used

    def cpu(self) -> float:
        """CPU seconds of the server until now; nan where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def _get(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())


def main() -> None:
    """Print the table, or write it into a page between its marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--asked", type=int, default=20, metavar="TIMES")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    found: dict[str, list[Timed]] = {"start": [], "first": [], "quiet": [], "training": []}
    for _ in range(given.rounds):
        measure(found, given.asked)
    rows = [
        ("`zoo ui` until its address is printed", found["start"], ""),
        (f"`zoo ui` until the first {PICTURES} samples are there", found["first"], "10"),
        (f"{PICTURES} samples at 32 px, another seed", found["quiet"], "1"),
        ("the same while a transfer run trains", found["training"], ""),
    ]
    table = "\n".join(
        [
            f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after; "
            f"{given.rounds} starts, {given.asked} answers each.",
            "",
            "| | seconds, median | slowest | CPU seconds, median | wanted below |",
            "|---|---:|---:|---:|---:|",
            *(row(name, times, wanted) for name, times, wanted in rows),
        ]
    )
    print(table)
    if given.write:
        page = given.write.read_text("utf-8")
        before, _, rest = page.partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        given.write.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", "utf-8")


def measure(found: dict[str, list[Timed]], asked: int) -> None:
    """One server's life."""
    with tempfile.TemporaryDirectory() as folder:
        page = Page(Path(folder))
        try:
            found["start"].append((time.perf_counter() - page.began, page.cpu()))
            page.sample(0)
            found["first"].append((time.perf_counter() - page.began, page.cpu()))
            found["quiet"] += [page.sample(seed) for seed in range(1, asked + 1)]
            page.press("Start", [SOURCE, DATA, ["decoder-init", "encoder-init"], 0, 2_000_000, 32, 0, False])
            end = time.monotonic() + PATIENCE
            while not any('"tick"' in path.read_text() for path in Path(folder).rglob("events.jsonl")):
                if time.monotonic() > end:
                    raise SystemExit("the run does not train")
                time.sleep(0.2)
            found["training"] += [page.sample(seed) for seed in range(1, asked + 1)]
        finally:
            page.close()  # its run ends with it


def row(name: str, times: Sequence[Timed], wanted: str) -> str:
    """A line of the table."""
    walls, cpus = zip(*times, strict=True)
    middle = statistics.median
    return f"| {name} | {middle(walls):.2f} | {max(walls):.2f} | {middle(cpus):.2f} | {wanted} |"


if __name__ == "__main__":
    main()
