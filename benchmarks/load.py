"""`zoo.load` of a release beside a bare `safetensors.torch.load_file` and `load_state_dict` of the same weights.

python benchmarks/load.py --megabytes 100 --rounds 7
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pull import release
from safetensors.torch import load_file

import zoo
from zoo import release as release_module


def main() -> None:
    """Print the median seconds of each and how much of a warm load is spent on hashing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["ZOO_CACHE"] = f"{place}/cache"
        folder = release(Path(place) / "mlp.big", given.megabytes)
        specs = zoo.load(folder).autoencoder.specs  # type: ignore[union-attr]
        time.sleep(2.5)  # what was written this moment is not remembered as checked

        def bare() -> None:
            model = zoo.autoencoder(
                specs["encoder"], specs["decoder"], bottleneck=specs["bottleneck"], shape=(1, 16, 16), latent_dim=64
            )
            for role, module in model.parts.items():
                module.load_state_dict(load_file(folder / f"{role}.safetensors"))

        def cold() -> None:
            for path in (Path(place) / "cache" / "checked").glob("*"):
                path.unlink()
            zoo.load(folder)

        hashing = [0.0]
        real = release_module.sha256_of

        def timed(data: bytes) -> str:
            start = time.perf_counter()
            found = real(data)
            hashing[0] += time.perf_counter() - start
            return found

        runs: dict[str, Callable[[], object]] = {
            "load_file + load_state_dict": bare,
            "zoo.load, first": cold,
            "zoo.load, warm": lambda: zoo.load(folder),
        }
        release_module.sha256_of = timed
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        spent: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(given.rounds):
            for name, run in runs.items():
                hashing[0], start = 0.0, time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
                spent[name].append(hashing[0])
        print("| way | seconds (median) | of it hashing |\n|---|---:|---:|")
        for name in runs:
            total, part = statistics.median(seconds[name]), statistics.median(spent[name])
            print(f"| {name} | {total:.3f} | {100 * part / total:.0f} % |")


if __name__ == "__main__":
    main()
