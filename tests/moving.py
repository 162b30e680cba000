"""Small transfers for tests: moved, in training, and what lies on the table for a first batch."""

from __future__ import annotations

from typing import Any

import torch
from helpers import autoencoder

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.losses.types import Round
from zoo.training.gan import AdversarialTrainee
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import Moved
from zoo.types import PartSpec


def move(images: ImageSet, *parts: Any, arch: str = "dcgan", seed: int = 0) -> Moved:
    """Strategies, by name or as (name, settings), from a tiny autoencoder into a GAN of its like."""
    source = autoencoder(arch, seed=seed)
    return zoo.transfer(source, zoo.gan(like=source, seed=1), [as_spec(part) for part in parts], data=images)


def as_spec(part: Any) -> PartSpec:
    return PartSpec(part) if isinstance(part, str) else PartSpec(*part)


def trainee_of(moved: Moved, images: ImageSet, **settings: Any) -> AdversarialTrainee:
    """The transfer in training, with the settings that it asks for and those given."""
    plain = {"batch": 8, **moved.plan.recipe, **settings}
    return AdversarialTrainee(moved.plan, images, from_plain(AdversarialTraining, plain, "training"), 0)


def run(trainee: AdversarialTrainee, images: ImageSet, steps: int) -> None:
    """Steps as the loop takes them."""
    batches = Batches(images.train, trainee.training.batch, trainee.streams["data"])
    for i in range(steps):
        trainee.step(batches.next(), i * trainee.training.batch)


def table(trainee: AdversarialTrainee, images: ImageSet, n: int = 8) -> Round:
    """What lies on the table for a first batch."""
    game = trainee.game
    real = game.real(images.batch(images.train[:n]), images.train[:n])
    z = trainee.gan.prior.sample(n, torch.Generator().manual_seed(0))  # type: ignore[operator]
    fake = game.fake(z)
    to_latent = trainee.plan.to_latent
    judged = game.judge(fake), game.judge(real)
    return Round(real, fake, z, images.train[:n], 0, game.judge, game.fake, game.groups, *judged, None, to_latent)
