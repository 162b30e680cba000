"""The time until a run on a large folder of images starts, the speed at which it reads them, and its memory.

    python benchmarks/stream.py 100000

Writes that many 32 px PNG files into a folder (give --folder to keep them), then trains a small autoencoder on them in
another process: streamed and, with --memory, also read into memory first. Prints one JSON object per process: wall and
CPU seconds from the call to the first losses, images read per second, and peak resident memory in MiB, before the
images were opened and at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def make(folder: Path, count: int) -> None:
    """Write different images, in folders of 1,000."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 255, (64, 8, 8, 3), dtype="uint8")
    for i in range(count):
        path = folder / f"{i // 1000:04d}" / f"{i:07d}.png"
        if i % 1000 == 0:
            path.parent.mkdir(parents=True)
        Image.fromarray(np.kron(tiles[i % 64] ^ np.uint8(i % 251), np.ones((4, 4, 1), "uint8"))).save(
            path, compress_level=1
        )


def measure(folder: Path, stream: bool, images: int) -> dict[str, object]:
    """Train in this process; the measurements."""
    import zoo
    from zoo.data.open import open_images

    model = zoo.autoencoder("dcgan", "dcgan", shape=(3, 32, 32), code_shape=32)
    before = _peak()
    wall, cpu = time.monotonic(), time.process_time()
    first: list[float] = []

    def watch(event: object) -> None:
        if event.kind == "tick" and not first:  # type: ignore[attr-defined]
            first.extend((time.monotonic() - wall, time.process_time() - cpu))

    data = open_images(folder, like=model.data, stream=stream)
    opened = (time.monotonic() - wall, time.process_time() - cpu)
    digest = data.sha256
    pinned = (time.monotonic() - wall, time.process_time() - cpu)
    began = time.process_time(), time.monotonic()
    for rows in data.train[:2048].split(64):
        data.batch(rows)
    reading = {"cpu": 2048 / (time.process_time() - began[0]), "wall": 2048 / (time.monotonic() - began[1])}
    with tempfile.TemporaryDirectory() as out:
        zoo.train(model, data, out=Path(out) / "run", images=images, training={"batch": 64}, watch=[watch])
    return {
        "streamed": stream,
        "files": len(data),
        "sha256": digest[:12],
        "opened_seconds": {"wall": round(opened[0], 2), "cpu": round(opened[1], 2)},
        "pinned_seconds": {"wall": round(pinned[0], 2), "cpu": round(pinned[1], 2)},
        "first_tick_seconds": {"wall": round(first[0], 2), "cpu": round(first[1], 2)},
        "read_images_per_second": {key: round(value) for key, value in reading.items()},
        "peak_mib_before": before,
        "peak_mib": _peak(),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure each way in its own process, so that it has its own peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--folder", type=Path, help="Write the images here, or use those that exist.")
    parser.add_argument("--images", type=int, default=2_048, help="Images to show.")
    parser.add_argument("--memory", action="store_true", help="Also read all into memory first.")
    parser.add_argument("--child", choices=("stream", "memory"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.folder, options.child == "stream", options.images)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch) / "images"
        if not folder.exists():
            make(folder, options.count)
        for kind in ("stream", "memory") if options.memory else ("stream",):
            words = [str(options.count), "--folder", str(folder), "--images", str(options.images), "--child", kind]
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
