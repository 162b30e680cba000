"""What single choices cost or save: R1 at every step and lazy, frozen lower blocks of D, sampling in chunks.

python benchmarks/parts_of_a_step.py --rounds 7 --write docs/appendix/speed.md
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from gan_step import BATCH, bytes_of, nets, ours, training
from side_by_side import Maker, options, record, report

from zoo.training.devices import retain_freed_memory
from zoo.training.gan import GANTrainer
from zoo.transfers.plan import TransferPlan


def penalised(interval: int | None, steps: int) -> Callable[[], None]:
    """Steps of a GAN with R1 at every so many of them, or with none."""
    regulariser = {"component": "core/r1", "config": {"interval": interval}} if interval else "none"
    return ours(nets(32, 32), bytes_of(32), steps, regulariser=regulariser)


def frozen(share: float, steps: int) -> Callable[[], None]:
    """Steps of a GAN whose D has that share of its encoder's layers frozen, from below."""
    gan = nets(32, 32)
    names = [name for name, _ in gan.discriminator.named_parameters() if name.startswith("encoder.")]
    plan = TransferPlan(gan, frozen={"discriminator": set(names[: round(share * len(names))])})
    trainer = GANTrainer(plan, bytes_of(32), training(), 0)
    rows = torch.arange(BATCH)

    def run() -> None:
        for _ in range(steps):
            trainer.step(rows, 0)

    return run


def sampling(batch: int | None, count: int) -> Callable[[], object]:
    """`GAN.sample`, or the bare generator over the same codes in batches of a size."""
    gan = nets(32, 32).eval()
    retain_freed_memory()

    @torch.inference_mode()
    def bare() -> None:
        z = torch.randn(count, gan.latent_dim)
        torch.cat([gan.generator(part) for part in z.split(batch)])

    return bare if batch else lambda: gan.sample(count)


def main() -> None:
    """Compare at 1 and 2 threads."""
    given = options(__doc__, 4).parse_args()
    steps = given.steps
    penalties: dict[str, Maker] = {
        "no penalty": partial(penalised, None, steps),
        "r1, every step": partial(penalised, 1, steps),
        "r1, every 4th": partial(penalised, 4, steps),
    }
    freezing: dict[str, Maker] = {
        "all of D trained": partial(frozen, 0, steps),
        "half of D frozen": partial(frozen, 0.5, steps),
        "D's whole encoder frozen": partial(frozen, 1, steps),
    }
    samplings: dict[str, Maker] = {
        "ours": partial(sampling, None, 512),
        **{f"bare, batch {n}": partial(sampling, n, 512) for n in (16, 64, 256)},
    }
    wanted = {f"bare, batch {n}": 0.95 for n in (16, 64, 256)}
    record(given.write, "penalties", report(penalties, given, steps * BATCH, ("no penalty",), {}))
    record(given.write, "freezing", report(freezing, given, steps * BATCH, ("all of D trained",), {}))
    record(given.write, "sampling", report(samplings, given, 512, ("ours",), wanted))


if __name__ == "__main__":
    main()
