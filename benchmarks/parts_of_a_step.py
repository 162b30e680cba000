"""What single choices cost or save: R1 at every step and lazy, frozen lower blocks of D, sampling in chunks.

python benchmarks/parts_of_a_step.py --rounds 7 --write docs/speed.md
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from gan_step import BATCH, bytes_of, nets, ours, training
from side_by_side import options, record, report

from zoo.data.images import ImageSet
from zoo.protocols import Transfer
from zoo.training.adversarial import AdversarialTrainee


def frozen(share: float, images: ImageSet, steps: int) -> Callable[[], None]:
    """Steps of a GAN whose D has that share of its encoder's layers frozen, from below."""
    gan = nets(images.spec.shape[1], 32)
    names = [name for name, _ in gan.discriminator.named_parameters() if name.startswith("encoder.")]
    plan = Transfer(gan, frozen={"discriminator": set(names[: round(share * len(names))])})
    trainee = AdversarialTrainee(plan, images, training(), 0)
    rows = torch.arange(BATCH)

    def run() -> None:
        for _ in range(steps):
            trainee.step(rows, 0)

    return run


def sampling(count: int, images: ImageSet) -> dict[str, Callable[[], object]]:
    """`GAN.sample` and the bare generator over the same codes, in batches of several sizes."""
    gan = nets(images.spec.shape[1], 32).eval()

    def bare(batch: int) -> Callable[[], object]:
        @torch.inference_mode()
        def run() -> None:
            z = torch.randn(count, gan.latent_dim)
            torch.cat([gan.generator(part) for part in z.split(batch)])

        return run

    return {"ours": lambda: gan.sample(count)} | {f"bare, batch {batch}": bare(batch) for batch in (16, 64, 256)}


def main() -> None:
    """Compare at 1 and 2 threads."""
    given = options(__doc__, 4).parse_args()
    images, steps = bytes_of(32), given.steps

    def r1(interval: int) -> Callable[[], None]:
        regulariser = {"component": "core/r1", "config": {"interval": interval}}
        return ours(nets(32, 32), images, steps, regulariser=regulariser)

    sections: dict[str, tuple[dict[str, Callable[[], object]], int, str, dict[str, float]]] = {
        "penalties": (
            {"no penalty": ours(nets(32, 32), images, steps), "r1, every step": r1(1), "r1, every 4th": r1(4)},
            steps * BATCH,
            "no penalty",
            {},
        ),
        "freezing": (
            {"all of D learns": frozen(0, images, steps), "half of it frozen": frozen(0.5, images, steps)}
            | {"its whole encoder frozen": frozen(1, images, steps)},
            steps * BATCH,
            "all of D learns",
            {},
        ),
        "sampling": (sampling(512, images), 512, "ours", {f"bare, batch {n}": 0.95 for n in (16, 64, 256)}),
    }
    for name, (runners, shown, first, wanted) in sections.items():
        record(given.write, name, report(runners, given, shown, (first,), wanted))


if __name__ == "__main__":
    main()
