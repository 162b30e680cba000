"""The time from the start of `zoo ui` to the first sample, and its response times, idle and during a training run.

    pip install . ./plugins/*
    python benchmarks/ui.py --rounds 3 --asked 20 [--write docs/browser.md]

Each round starts a server, requests samples and places of the map as the page does, starts a
transfer on the page, requests samples again while it trains, and stops it. Wall seconds, and the server's CPU seconds
(Linux; the run is another process).
"""

from __future__ import annotations

import json
import os
import re
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

from side_by_side import argument_parser, record

MODEL, SOURCE, DATA = "dcgan.mnist5k", "dcgan.glyphs-sans32", "mnist5k"
RUN = {"strategies": ["decoder-init", "encoder-init"], "images": 2_000_000}
PICTURES = 64
PATIENCE = 300.0
Timed = tuple[float, float]


class Page:
    """A served page, with the requests that the browser sends."""

    def __init__(self, runs: Path) -> None:
        words = [sys.executable, "-m", "zoo", "ui", "--runs", str(runs)]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        output = ""
        while not (address := re.search(r"(http://127\.0\.0\.1:(\d+))/\?token=(\S+)", output)):
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"no page: {output}")
            output += line
        self.address = address[1]
        self.cookie = f"zoo-ui-{address[2]}={address[3]}"

    def post(self, path: str, values: dict[str, Any]) -> Any:
        """The server's answer to a click, with these values."""
        return json.loads(self._get(path, json.dumps(values).encode()))

    def sample(self, seed: int) -> Timed:
        """The time to get the picture of 64 samples, from a seed on."""
        return self.picture(f"/sheet.png?model={MODEL}&seeds={seed}-{seed + PICTURES - 1}")

    def drag(self, step: int) -> Timed:
        """The time to get the live picture at a place of the map."""
        return self.picture(f"/map.png?model={MODEL}&corners=0,1,2,3&x={step % 100 / 100}&y=0.5")

    def picture(self, path: str) -> Timed:
        """The time to get a picture."""
        start, used = time.perf_counter(), self.cpu()
        if not self._get(path).startswith(b"\x89PNG"):
            raise SystemExit("the answer is no picture")
        return time.perf_counter() - start, self.cpu() - used

    def cpu(self) -> float:
        """CPU seconds of the server until now; nan if the system has no /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def _get(self, path: str, body: bytes | None = None) -> bytes:
        with self._open(path, body) as answer:
            return bytes(answer.read())

    def _open(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        return urllib.request.urlopen(urllib.request.Request(self.address + path, body, headers))


def main() -> None:
    """Print the table, and write it into a page."""
    parser = argument_parser(__doc__, rounds=3)
    parser.add_argument("--asked", type=int, default=20, metavar="TIMES")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    times: dict[str, list[Timed]] = {"start": [], "first": [], "quiet": [], "drag": [], "training": []}
    for _ in range(options.rounds):
        measure(times, options.asked)
    rows = [
        ("`zoo ui` until its address is printed", times["start"], ""),
        (f"`zoo ui` until the first {PICTURES} samples are there", times["first"], "10"),
        (f"{PICTURES} samples at 32 px, another seed", times["quiet"], "1"),
        ("the live picture at a place of the map", times["drag"], "0.1"),
        (f"{PICTURES} samples while a transfer run trains", times["training"], ""),
    ]
    lines = [
        f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after; "
        f"{options.rounds} starts, {options.asked} answers each.",
        "",
        "| | seconds, median | slowest | CPU seconds, median | wanted below |",
        "|---|---:|---:|---:|---:|",
        *(row(name, measured, wanted) for name, measured, wanted in rows),
    ]
    record(options.write, "ui", lines)


def measure(times: dict[str, list[Timed]], asked: int) -> None:
    """Start one server, measure it, and stop it."""
    with tempfile.TemporaryDirectory() as folder:
        page = Page(Path(folder))
        try:
            times["start"].append((time.perf_counter() - page.began, page.cpu()))
            page.sample(0)
            times["first"].append((time.perf_counter() - page.began, page.cpu()))
            times["quiet"] += [page.sample(seed) for seed in range(1, asked + 1)]
            times["drag"] += [page.drag(step) for step in range(asked)]
            page.post("/api/runs/start", {**RUN, "source": SOURCE, "data": DATA})
            end = time.monotonic() + PATIENCE
            while not any('"tick"' in path.read_text() for path in Path(folder).rglob("events.jsonl")):
                if time.monotonic() > end:
                    raise SystemExit("the run does not train")
                time.sleep(0.2)
            times["training"] += [page.sample(seed) for seed in range(1, asked + 1)]
        finally:
            page.close()  # its run ends with it


def row(name: str, times: Sequence[Timed], wanted: str) -> str:
    """A line of the table."""
    walls, cpus = zip(*times, strict=True)
    middle = statistics.median
    return f"| {name} | {middle(walls):.3f} | {max(walls):.3f} | {middle(cpus):.3f} | {wanted} |"


if __name__ == "__main__":
    main()
