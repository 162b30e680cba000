"""A training step of a GAN of codes against one of the same kind of GAN in pixels, at the same size of image.

    python benchmarks/latent_step.py --sizes 64 128 256 --write docs/appendix/latent-step.md

Both have residual networks (r3gan) of the same base width, batches of 8, R1 at every 8th step, one thread; codes have
32 channels and are 8 times smaller a side. CPU milliseconds an image, the median of rounds that take turns. Encoding
and decoding are those of the first stage that is given (a release), or left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

import zoo
from zoo.config import from_plain
from zoo.data.images import ImageSet
from zoo.networks.resizing import resized
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.training.trainer import seeded_step
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec, Scaling

FACTOR, CHANNELS, BATCH, INTERVAL = 8, 32, 8, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first-stage", help="a release with codes (32, h, w), to time encoding and decoding")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        "| px | codes | ms an image, codes | ms, pixels | times | encode, ms | decode, ms |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for size in given.sizes:
        side = size // FACTOR
        scaling = Scaling((0.0,) * CHANNELS, (1.0,) * CHANNELS)
        codes = DataSpec((CHANNELS, side, side), kind="code", bounded=False, scaling=scaling)
        trainers = [trainer(given.width, spec) for spec in (codes, DataSpec((3, size, size)))]
        times: list[list[float]] = [[], []]
        for _ in range(given.rounds):
            for which, one in enumerate(trainers):
                times[which].append(milliseconds(one))
        latent, pixels = (statistics.median(values) for values in times)
        encode, decode = first_stage(given.first_stage, size)
        shape = f"{CHANNELS}x{side}x{side}"
        rows.append(f"| {size} | {shape} | {latent:.2f} | {pixels:.1f} | {pixels / latent:.0f} | {encode} | {decode} |")
        print(rows[-1], flush=True)
    if given.write is not None:
        given.write.write_text("\n".join(rows) + "\n", "utf-8")


def trainer(width: int, data: DataSpec) -> GANTrainer:
    """A GAN of random samples of that kind, ready to train."""
    part = PartSpec("r3gan", {"width": width, "max_width": 256})
    regulariser = {"component": "core/r1", "config": {"gamma": 0.3, "interval": INTERVAL}}
    training = from_plain(AdversarialTraining, {"batch": BATCH, "regulariser": regulariser}, "benchmark")
    rows = torch.arange(4 * BATCH)
    values = torch.randn(len(rows), *data.shape)
    pixels = values if data.kind == "code" else (values.clamp(-1, 1) * 127 + 128).to(torch.uint8)
    samples = ImageSet("random", data, pixels, None, rows, rows, "", "")
    return GANTrainer(TransferPlan(zoo.gan(part, part, data=data)), samples, training, 0)


def milliseconds(one: GANTrainer) -> float:
    """CPU milliseconds an image, over as many steps as one with a penalty needs."""
    rows = one.images.train[:BATCH]
    start = time.process_time()
    for step in range(INTERVAL):
        seeded_step(one, rows, step * BATCH)
    return (time.process_time() - start) / INTERVAL / BATCH * 1000


def first_stage(name: str | None, size: int) -> tuple[str, str]:
    """Milliseconds an image for encoding and decoding."""
    if name is None:
        return "-", "-"
    loaded = zoo.load(name).autoencoder
    assert loaded is not None, f"{name} holds no autoencoder"
    autoencoder = resized(loaded, size, size)
    x = torch.rand(8, 3, size, size)
    start = time.process_time()
    codes = autoencoder.encode(x, 4)
    middle = time.process_time()
    autoencoder.decode(codes, 4)
    return f"{(middle - start) / 8 * 1000:.0f}", f"{(time.process_time() - middle) / 8 * 1000:.0f}"


if __name__ == "__main__":
    main()
