"""Small transfers for tests: moved, in training, and what lies on the table for a first batch."""

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


def move(images: ImageSet, *parts: Any, arch: str = "dcgan", seed: int = 0) -> TransferResult:
    """Strategies, by name or as (name, settings), from a tiny autoencoder into a GAN of its like."""
    source = autoencoder(arch, seed=seed)
    return zoo.transfer(source, zoo.gan(like=source, seed=1), [as_spec(part) for part in parts], data=images)


def as_spec(part: Any) -> PartSpec:
    return PartSpec(part) if isinstance(part, str) else PartSpec(*part)


def trainee_of(transferred: TransferResult, images: ImageSet, **settings: Any) -> GANTrainer:
    """The transfer in training, with the settings that it asks for and those given."""
    plain = {"batch": 8, **transferred.plan.recipe, **settings}
    return GANTrainer(transferred.plan, images, from_plain(AdversarialTraining, plain, "training"), 0)


def run(trainer: GANTrainer, images: ImageSet, steps: int) -> None:
    """Steps as the loop takes them."""
    batches = Batches(images.train, trainer.training.batch, trainer.streams["data"])
    for i in range(steps):
        trainer.step(batches.next(), i * trainer.training.batch)


def table(trainer: GANTrainer, images: ImageSet, n: int = 8) -> StepContext:
    """What lies on the table for a first batch."""
    context = trainer.task
    real = context.real(images.batch(images.train[:n]), images.train[:n])
    z = trainer.gan.prior.sample(n, torch.Generator().manual_seed(0))  # type: ignore[operator]
    fake = context.fake(z)
    to_latent = trainer.plan.to_latent
    judged = context.discriminate(fake), context.discriminate(real)
    return StepContext(
        real, fake, z, images.train[:n], 0, context.discriminate, context.fake, context.groups, *judged, None, to_latent
    )
