"""The cost of single choices: R1 at every step or lazily, frozen lower layers of D, sampling in chunks.

python benchmarks/parts_of_a_step.py --rounds 7 --write docs/appendix/speed.md
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from gan_step import BATCH, bytes_of, nets, ours, training
from side_by_side import Setup, argument_parser, record, report

from zoo.training.devices import retain_freed_memory
from zoo.training.gan import GANTrainer
from zoo.transfers.plan import TransferPlan


def penalised(interval: int | None, steps: int) -> Callable[[], None]:
    """Steps of a GAN with R1 at every `interval`-th of them, or without."""
    regulariser = {"component": "core/r1", "config": {"interval": interval}} if interval else "none"
    return ours(nets(32, 32), bytes_of(32), steps, regulariser=regulariser)


def frozen(share: float, steps: int) -> Callable[[], None]:
    """Steps of a GAN with the share `share` of the parameters of D's encoder frozen, from the image on."""
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
    """`GAN.sample`, or the generator alone on the same codes in batches of `batch`."""
    gan = nets(32, 32).eval()
    retain_freed_memory()

    @torch.inference_mode()
    def bare() -> None:
        z = torch.randn(count, gan.code_shape)
        torch.cat([gan.generator(part) for part in z.split(batch)])

    return bare if batch else lambda: gan.sample(count)


def main() -> None:
    """Compare penalties, freezing and sampling."""
    options = argument_parser(__doc__, steps=4).parse_args()
    steps = options.steps
    penalties: dict[str, Setup] = {
        "no penalty": partial(penalised, None, steps),
        "r1, every step": partial(penalised, 1, steps),
        "r1, every 4th": partial(penalised, 4, steps),
    }
    freezing: dict[str, Setup] = {
        "all of D trained": partial(frozen, 0, steps),
        "half of D frozen": partial(frozen, 0.5, steps),
        "D's whole encoder frozen": partial(frozen, 1, steps),
    }
    samplings: dict[str, Setup] = {
        "ours": partial(sampling, None, 512),
        **{f"bare, batch {n}": partial(sampling, n, 512) for n in (16, 64, 256)},
    }
    wanted = {f"bare, batch {n}": 0.95 for n in (16, 64, 256)}
    record(options.write, "penalties", report(penalties, options, steps * BATCH, ("no penalty",), {}))
    record(options.write, "freezing", report(freezing, options, steps * BATCH, ("all of D trained",), {}))
    record(options.write, "sampling", report(samplings, options, 512, ("ours",), wanted))


if __name__ == "__main__":
    main()
