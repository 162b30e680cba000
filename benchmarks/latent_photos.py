"""A GAN of codes against a GAN of pixels, on the same photographs in the same CPU time.

    python benchmarks/latent_photos.py --data clothing128.npz --first-stage releases/taef2 --minutes 60 --seeds 3

Each arm trains in one thread until its CPU minutes are spent; encoding the images is counted apart, and decoding
samples to measure them is not counted. KID is measured on held-out images; that of the first stage's reconstructions is
the floor of the arm in codes. Prints one JSON line an arm and seed, and writes a picture of samples beside real images.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from judges import lite1
from torch import Tensor

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.encoding.codes import samples_of
from zoo.metrics.evaluate import Reference, reference
from zoo.networks.autoencoder import FirstStage
from zoo.training.first_stage_report import error_over_variance
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.training.trainer import seeded_step
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--component", default="r3gan", help="generator and discriminator")
    parser.add_argument("--settings", type=json.loads, default={}, help="of both networks, as JSON")
    parser.add_argument("--discriminator", type=json.loads, help="another one: {component = ..., config = ...} as JSON")
    parser.add_argument("--training", type=json.loads, default={}, help="settings of the training, as JSON")
    parser.add_argument("--code", type=int, default=64, help="values of a code of the GAN")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    images, stage, facts = opened(given)
    judges = references(images, given.metric)
    if stage is not None:
        x = images.batch(images.held_out)
        y = stage.decode(stage.encode(x))
        facts |= {**measured(judges, y, "reconstructions"), "lost": error_over_variance(x, y)}
    for seed in given.seeds:
        for row in trained(given, images, stage, judges, seed):
            print(json.dumps({"arm": "pixels" if stage is None else "codes", "seed": seed, **facts, **row}), flush=True)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every arm: the photographs, the first stage, the CPU time, the seeds and the judges."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="an .npz of photographs, or a folder")
    parser.add_argument("--first-stage", help="a release; without one the GAN is of pixels")
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU minutes of training, by one thread")
    parser.add_argument("--at", type=float, nargs="*", default=[], help="measure after so many minutes too")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--flip", action="store_true", help="learn from mirrored copies too (in codes)")
    parser.add_argument("--metric", nargs="+", default=["efficientnet"], help="metrics; lite1 is that of judges.py")
    parser.add_argument("--out", type=Path, default=Path("latent-photos"))
    return parser


def references(images: ImageSet, metrics: Sequence[str]) -> dict[str, Reference]:
    """The judges by name."""
    return {name: Reference(images, lite1(), name) if name == "lite1" else reference(images, name) for name in metrics}


def measured(judges: Mapping[str, Reference], samples: Tensor, of: str = "") -> dict[str, Any]:
    """The figures of samples by each judge; `of` is what they are, if not the samples of a model."""
    prefix = f"{of} " if of else ""
    return {
        f"{prefix}{name}": {figure.name: round(figure.value, 4) for figure in judge.measure(samples)}
        for name, judge in judges.items()
    }


def opened(given: Any) -> tuple[ImageSet, FirstStage | None, dict[str, Any]]:
    """The photographs, the first stage, and the CPU seconds that encoding took."""
    images = open_images(given.data)
    if given.first_stage is None:
        return images, None, {}
    autoencoder = zoo.load(given.first_stage).autoencoder
    assert autoencoder is not None
    start = time.process_time()
    height, width = images.spec.shape[1:]
    stage = zoo.first_stage(autoencoder, given.data, size=(height, width), flip=given.flip)
    images = open_images(given.data, like=stage.images)
    return images, stage, {"encoding": round(time.process_time() - start, 1)}


def trained(given: Any, images: ImageSet, stage: FirstStage | None, judges: Any, seed: int) -> Any:
    """Train until the CPU time is spent; a row of facts at each measurement."""
    part = PartSpec(given.component, given.settings)
    where: dict[str, Any] = {"data": images.spec} if stage is None else {"first_stage": stage}
    discriminator = part if given.discriminator is None else PartSpec(**given.discriminator)
    gan = zoo.gan(part, discriminator, code_shape=given.code, seed=seed, **where)
    training = from_plain(AdversarialTraining, {"images": 10_000_000, **given.training}, "--training")
    samples = samples_of(images, stage)
    trainer = GANTrainer(TransferPlan(gan), samples, training, seed)
    batches = Batches(samples.train, training.batch, trainer.streams["data"])
    points = sorted({*given.at, given.minutes})
    spent, shown = 0.0, 0
    for point in points:
        while spent < point * 60:
            start = time.process_time()
            seeded_step(trainer, batches.next(), shown)
            spent += time.process_time() - start
            shown += training.batch
        average = trainer.averaged_gan().eval()
        start = time.process_time()
        drawn = average.sample(len(images.held_out), seed=1)
        decoding = time.process_time() - start
        figures = measured(judges, drawn)
        picture(given, average.output, images, drawn, f"{'pixels' if stage is None else 'codes'}-{seed}-{point:g}")
        parameters = {role: sum(p.numel() for p in net.parameters()) for role, net in gan.parts.items()}
        yield {"minutes": point, "shown": shown, "sampling": round(decoding, 1), **figures, "parameters": parameters}


def picture(given: Any, spec: DataSpec, images: ImageSet, drawn: Tensor, name: str) -> None:
    """Samples beside real photographs."""
    ours = to_uint8(drawn[:32], spec)
    real = to_uint8(images.batch(images.held_out[:: max(1, len(images.held_out) // 32)][:32]), images.spec)
    panels = [("samples", grid(ours, 8)), ("photographs", grid(real, 8))]
    (given.out / f"{name}.png").write_bytes(png_bytes(captioned_grid(panels)))


if __name__ == "__main__":
    main()
