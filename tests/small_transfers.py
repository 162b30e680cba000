"""Small transfers for tests, their trainers, and the context of a first batch."""

from __future__ import annotations

from typing import Any

import torch
from helpers import autoencoder

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.losses.types import StepContext
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import TransferResult
from zoo.types import PartSpec


def transfer(images: ImageSet, *parts: Any, arch: str = "dcgan", seed: int = 0) -> TransferResult:
    """Transfer a tiny autoencoder into a GAN like it, by strategies given as names, specs or (name, settings)."""
    source = autoencoder(arch, seed=seed)
    return zoo.transfer(source, zoo.gan(like=source, seed=1), [as_spec(part) for part in parts], data=images)


def as_spec(part: Any) -> PartSpec:
    if isinstance(part, PartSpec):
        return part
    return PartSpec(part) if isinstance(part, str) else PartSpec(*part)


def make_trainer(transferred: TransferResult, data: ImageSet, /, **settings: Any) -> GANTrainer:
    """A trainer of the transferred GAN, with the plan's settings and those given."""
    plain = {"batch": 8, **transferred.plan.recipe, **settings}
    return GANTrainer(transferred.plan, data, from_plain(AdversarialTraining, plain, "training"), 0)


def run(trainer: GANTrainer, images: ImageSet, steps: int) -> None:
    """Train for some steps, as the training loop does."""
    batches = Batches(images.train, trainer.training.batch, trainer.streams["data"])
    for i in range(steps):
        trainer.step(batches.next(), i * trainer.training.batch)


def first_context(trainer: GANTrainer, images: ImageSet, n: int = 8) -> StepContext:
    """The context of a first batch of n images."""
    task = trainer.task
    real = task.real(images.batch(images.train[:n]), images.train[:n])
    z = trainer.gan.prior.sample(n, torch.Generator().manual_seed(0))
    fake = task.fake(z)
    return StepContext(
        real=real,
        fake=fake,
        z=z,
        indices=images.train[:n],
        shown=0,
        discriminate=task.discriminate,
        generate=task.fake,
        groups=task.groups,
        fake_output=task.discriminate(fake),
        real_output=task.discriminate(real),
        to_latent=trainer.plan.to_latent,
    )
