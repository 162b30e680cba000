"""What a strategy costs: seconds of one training step against scratch's, and once before the first step.

`python benchmarks/strategy_cost.py --rounds 12` measures on one thread and writes benchmarks/strategy_cost.csv, of
which `python tests/generated_docs.py` makes the figures in docs/. Each round steps scratch and every strategy in turn,
as often as R1 is due once, so that all of them meet the machine in the same mood; what is counted is processor time. A
strategy's figure is the median over rounds of its time by scratch's in the same round.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch

import zoo
from zoo import plugins
from zoo.data.batches import Batches
from zoo.data.open import open_images
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import transfer
from zoo.types import PartSpec

OUT = Path(__file__).parent / "strategy_cost.csv"
FIELDS = ("strategy", "ratio", "low", "high", "once")
SHAPE, BATCH, WIDTH, STEPS = (1, 32, 32), 32, 16, 4


def main() -> None:
    """Measure and write the CSV."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--strategies", nargs="*")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = open_images("mnist5k", shape=SHAPE)
    net = PartSpec("dcgan", {"width": WIDTH})
    source = zoo.autoencoder(net, net, shape=SHAPE, latent_dim=64).eval()
    names = given.strategies or [registered.component.name for registered in plugins.components("transfer")]
    trainers: dict[str, GANTrainer] = {}
    once: dict[str, float] = {}
    for name in dict.fromkeys(["scratch", *names]):
        gan = zoo.gan(like=source)
        began = time.process_time()
        planned = transfer(source, gan, name, data=images).plan
        once[name] = time.process_time() - began
        settings = dict(planned.recipe)
        trainers[name] = GANTrainer(planned, images, _training(settings), 0)
    plain = once["scratch"]
    batches = Batches(images.train, BATCH, torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    shown = 0
    for _ in range(given.rounds + 1):
        rows = [batches.next() for _ in range(STEPS)]
        for name, trainer in trainers.items():
            began = time.process_time()
            for i, batch in enumerate(rows):
                trainer.step(batch, shown + i * BATCH)
            seconds[name].append(time.process_time() - began)
        shown += STEPS * BATCH
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for name in names:
            ratios = [
                a / b for a, b in zip(seconds[name][1:], seconds["scratch"][1:], strict=True)
            ]  # the first warms up
            low, high = statistics.quantiles(ratios, n=4)[::2] if len(ratios) > 1 else ratios * 2
            told = (statistics.median(ratios), low, high)
            row = [name, *(f"{value:.2g}" for value in told), f"{max(0.0, once[name] - plain):.1f}"]
            writer.writerow(row)
            print(*row, flush=True)


def _training(settings: dict[str, object]) -> AdversarialTraining:
    from zoo.config import from_plain

    return from_plain(AdversarialTraining, {"batch": BATCH, **settings}, "training")


if __name__ == "__main__":
    main()
