"""Many clients at `zoo serve`, its API or `zoo ui` for a while: errors, latencies, and whether the server's memory
grows.

python benchmarks/soak.py serve --minutes 30 --clients 64
python benchmarks/soak.py ui --minutes 30 --clients 64
python benchmarks/soak.py api --minutes 1 --clients 64 --pause 1

It starts the server itself, with the bundled releases, and prints one line a minute. Each client asks, waits `--pause`
seconds, and asks again; every tenth request is one that must be refused.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

import zoo

_GOOD = {
    "serve": ("/api/models?full=true", "/api/models/ID", "/api/models/ID/tree/main", "/ID/resolve/main/README.md",
              "/ID/resolve/main/zoo.json", "/ID/resolve/main/decoder.safetensors", "/api/models/ID/refs"),
    "ui": ("/", "/api/models", "/style.css", "/picture.png?model=dcgan.mnist5k&seed=3"),
    "api": ("/models/dcgan.glyphs-sans32/sample", "/models/mlp.mnist5k/sample"),
}  # fmt: skip
_BAD = ("/api/models/../../etc/passwd", "/x/y/resolve/main/z", "/%00", "/" + "a" * 4_000)


class Load:
    """What all clients count together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.wrong: list[str] = []

    def note(self, what: str, seconds: float, wrong: str = "") -> None:
        """Count a request."""
        with self.lock:
            self.statuses[what] += 1
            self.seconds.append(seconds)
            if wrong:
                self.wrong.append(wrong)


def main() -> None:
    """Start the server, let the clients ask, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("serve", "ui", "api"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--pause", type=float, default=0.5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        server, port, cookie = _start(options.what, Path(place))
        try:
            _soak(options, server, port, cookie)
        finally:
            server.terminate()
            server.wait(20)


def _start(what: str, place: Path) -> tuple[subprocess.Popen[str], int, str]:
    """The running server, its port, and the cookie that it wants."""
    releases = place / "releases"
    releases.mkdir()
    for name in ("dcgan.glyphs-sans32", "mlp.mnist5k"):
        (releases / name).symlink_to(zoo.load(name).folder)
    words = {
        "serve": ["serve", str(releases), "--port", "0"],
        "ui": ["ui"],
        "api": ["serve", "--api", "dcgan.glyphs-sans32", "mlp.mnist5k", "--port", "0"],
    }[what]
    environment = {**os.environ, "ZOO_CONFIG": str(place / "config"), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "zoo", *words],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    for line in server.stdout:
        if address := re.search(r"http://127\.0\.0\.1:(\d+)(?:/\?token=(\S+))?", line):
            threading.Thread(target=server.stdout.read, daemon=True).start()
            port, token = int(address[1]), address[2] or ""
            return server, port, f"zoo-ui-{port}={token}" if token else ""
    raise SystemExit("the server did not start")


def _soak(options: argparse.Namespace, server: subprocess.Popen[str], port: int, cookie: str) -> None:
    load, end = Load(), time.monotonic() + 60 * options.minutes
    clients = [
        threading.Thread(target=_client, args=(options.what, port, cookie, options.pause, seed, end, load), daemon=True)
        for seed in range(options.clients)
    ]
    process = psutil.Process(server.pid)
    for client in clients:
        client.start()
    memory = []
    while time.monotonic() < end and server.poll() is None:
        time.sleep(min(60, max(0.1, end - time.monotonic())))
        memory.append(process.memory_info().rss / 2**20)
        with load.lock:
            latest = np.array(load.seconds[-5_000:] or [0.0]) * 1_000
        p50, p99 = np.percentile(latest, (50, 99))
        counts = f"{sum(load.statuses.values()):,} requests {dict(load.statuses)}"
        files = process.num_fds()
        print(f"{memory[-1]:.0f} MiB, {files} files, {p50:.0f} / {p99:.0f} ms (p50 / p99), {counts}", flush=True)
    for client in clients:
        client.join()
    for wrong in load.wrong[:10]:
        print(f"WRONG {wrong}")
    print(f"{len(load.wrong)} wrong; memory {memory[0]:.0f} -> {memory[-1]:.0f} MiB; ended by itself: {server.poll()}")


def _client(what: str, port: int, cookie: str, pause: float, seed: int, end: float, load: Load) -> None:
    rng = random.Random(seed)
    while time.monotonic() < end:
        bad = rng.random() < 0.1
        path = rng.choice(_BAD if bad else _GOOD[what])
        path = path.replace("ID", rng.choice(("releases/dcgan.glyphs-sans32", "releases/mlp.mnist5k")))
        start = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {"Cookie": cookie} if cookie else {}
            if what == "api" and not bad:
                body = json.dumps({"n": 4, "seed": rng.randrange(1_000)})
                connection.request("POST", path, body, {**headers, "Content-Type": "application/json"})
            else:
                connection.request("GET", path, headers=headers)
            status = connection.getresponse()
            status.read()
            wrong = f"{path[:60]}: {status.status}" if (status.status >= 400) != bad and what != "ui" else ""
            wrong = f"{path[:60]}: {status.status}" if status.status >= 500 else wrong
            load.note(f"{status.status // 100}xx", time.monotonic() - start, wrong)
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            load.note("failed", time.monotonic() - start, f"{path[:60]}: {error}")
        time.sleep(pause * rng.random() * 2)


if __name__ == "__main__":
    main()
