"""The cost of each strategy: the time of a training step relative to scratch's, and the time before the first step.

`python benchmarks/strategy_cost.py --rounds 12` measures on one thread and writes benchmarks/strategy_cost.csv, from
which `python tests/generated_docs.py` takes the figures in docs/. Each round runs four steps of scratch and of every
strategy in turn, one of them with R1, so that the machine's load affects all alike. Processor time is counted. A
strategy's figure is the median over rounds of its time divided by scratch's in the same round.
"""

from __future__ import annotations

import csv
import statistics
import time
from pathlib import Path

import torch
from side_by_side import argument_parser

import zoo
from zoo import plugins
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.networks.autoencoder import Autoencoder
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import transfer
from zoo.transfers.beginning import begins_with_gan
from zoo.transfers.plan import TransferPlan
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartSpec

OUT = Path(__file__).parent / "strategy_cost.csv"
FIELDS = ("strategy", "ratio", "low", "high", "once")
_BESIDE = {"class-auxiliary": "class-embedding+class-auxiliary"}
"""What cannot be planned alone, with what it needs."""
SHAPE, BATCH, WIDTH, STEPS = (1, 32, 32), 32, 16, 4


def main() -> None:
    """Measure and write the CSV."""
    parser = argument_parser(__doc__, rounds=12)
    parser.add_argument("--strategies", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = open_images("mnist5k", shape=SHAPE)
    net = PartSpec("dcgan", {"width": WIDTH})
    source = zoo.autoencoder(net, net, shape=SHAPE, code_shape=64).eval()
    names = options.strategies or [registered.component.name for registered in plugins.components("transfer")]
    trainers: dict[str, GANTrainer] = {}
    once: dict[str, float] = {}
    for name in dict.fromkeys(["scratch", *names]):
        began = time.process_time()
        planned = plan_of(name, source, images)
        once[name] = time.process_time() - began
        training = from_plain(AdversarialTraining, {"batch": BATCH, **planned.recipe}, "training")
        trainers[name] = GANTrainer(planned, images, training, 0)
    batches = Batches(images.train, BATCH, torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    shown = 0
    for _ in range(options.rounds + 1):
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
            # without the first round, a warm-up
            ratios = [a / b for a, b in zip(seconds[name][1:], seconds["scratch"][1:], strict=True)]
            low, high = statistics.quantiles(ratios, n=4)[::2] if len(ratios) > 1 else ratios * 2
            figures = (statistics.median(ratios), low, high)
            row = [name, *(f"{value:.2g}" for value in figures), f"{max(0.0, once[name] - once['scratch']):.1f}"]
            writer.writerow(row)
            print(*row, flush=True)


def plan_of(name: str, source: Autoencoder, images: ImageSet) -> TransferPlan:
    """The plan of a strategy for a GAN like the source; one that goes on from a GAN of codes gets a dense one, whose
    weights do not matter here."""
    resolved = resolve_strategies(name)
    if not begins_with_gan(resolved):
        beside = _BESIDE.get(name, name)
        return transfer(source, zoo.gan(like=source, data=images.spec), beside, data=images).plan
    codes = DataSpec(source.code_shape, kind="code", bounded=False)
    resolved = resolve_strategies([PartSpec(one.spec.component, {"warmup_images": 0}) for one in resolved])
    return plan(source, zoo.gan("mlp", "mlp", data=codes, code_shape=64), resolved)


if __name__ == "__main__":
    main()
