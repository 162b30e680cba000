"""What a first stage keeps of one's images, and what a GAN of its codes will cost: before anything is trained."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from zoo.data.images import ImageSet
from zoo.data.values import fit_scaling
from zoo.metrics.evaluate import reference
from zoo.metrics.own import refuse_own_features
from zoo.networks.autoencoder import FirstStage
from zoo.networks.gan import GAN
from zoo.networks.pretrained import origins_of
from zoo.training.devices import Engine
from zoo.training.gan import GANTrainer
from zoo.training.recipe import EngineSection, GanSection, Recipe
from zoo.training.recipe_models import compose_gan, open_first_stage
from zoo.training.trainer import seeded_step
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec

__all__ = [
    "FirstStageReport",
    "error_over_variance",
    "explain_first_stage",
    "report_on_first_stage",
    "seconds_an_image",
]

_MEASURED = 256
_PAIRS = 32
_STEPS = 4


@dataclass(frozen=True, slots=True)
class FirstStageReport:
    """What a first stage keeps of images, measured on `count` held-out ones, and the seconds that a GAN will take.

    `error` is the squared error of its reconstructions over the images' variance; `kid` that of the reconstructions in
    the features `metric`, `floor` that of other real images; no GAN of its codes gets below. `pairs` are images beside
    their reconstructions (2 n, C, H, W). `encode` and `train` are seconds for all images, `decode` for one.
    """

    images: DataSpec
    codes: DataSpec
    factor: int
    count: int
    error: float
    kid: float | None
    floor: float | None
    metric: str
    encode: float
    decode: float
    train: float
    pairs: Tensor

    def plain(self) -> dict[str, Any]:
        """The figures as plain data, without the pairs."""
        names = [item.name for item in fields(self) if item.name not in ("images", "codes", "pairs")]
        shapes = {"images": list(self.images.shape), "codes": list(self.codes.shape)}
        return shapes | {name: getattr(self, name) for name in names}


def explain_first_stage(recipe: Recipe) -> FirstStageReport:
    """What the first stage of a recipe keeps of its images; nothing is trained or kept. Raises like `run_recipe`."""
    assert recipe.first_stage is not None, "the recipe has no first stage"
    images, stage = open_first_stage(recipe.first_stage, recipe.data)
    metric = recipe.evaluation.metric if recipe.evaluation is not None else ""
    return report_on_first_stage(images, stage, recipe.gan or GanSection(), metric=metric, engine=recipe.engine)


def error_over_variance(x: Tensor, y: Tensor) -> float:
    """The mean squared error of y (N, ...) as x, over the variance of x: 1 for the mean image, 0 for no error."""
    variance = x.var(0, unbiased=False).mean().clamp(min=1e-12)
    return float((x - y).square().mean() / variance)


def report_on_first_stage(
    images: ImageSet, first_stage: FirstStage, section: GanSection, *, metric: str = "", engine: EngineSection
) -> FirstStageReport:
    """Measure on at most 256 held-out images, and train a GAN of their codes for a few steps. `metric` is a metric
    component; without one no KID is measured. Raises like `zoo.gan` and `zoo.train`."""
    runner = Engine(engine)
    first_stage.autoencoder.to(runner.device)
    x = images.batch(images.to_measure(_MEASURED)).cpu()
    start = time.monotonic()
    raw = first_stage.scaled(None).encode(x)
    middle = time.monotonic()
    y = first_stage.scaled(None).decode(raw)
    end = time.monotonic()
    kid = floor = None
    if metric:
        judge = reference(images, metric, device=runner.device)
        autoencoder = first_stage.autoencoder
        refuse_own_features(judge.space, autoencoder.parts, origins_of(autoencoder), metric)
        figure = judge.measure(y)[0]
        kid, floor = figure.value, figure.floor
    shown = min(_PAIRS, len(x))
    rows_to_encode = len(images) + (len(images.train) if first_stage.flip else 0)
    return FirstStageReport(
        images.spec,
        first_stage.codes,
        first_stage.factor,
        len(x),
        error_over_variance(x, y),
        kid,
        floor,
        metric,
        (middle - start) / len(x) * rows_to_encode,
        (end - middle) / len(x),
        _step(images, raw, first_stage, section, engine) * section.training.images,
        torch.stack([x[:shown], y[:shown]], 1).flatten(0, 1),
    )


def _step(images: ImageSet, raw: Tensor, first_stage: FirstStage, section: GanSection, engine: EngineSection) -> float:
    """Seconds an image of a GAN on these codes."""
    stage = first_stage.scaled(fit_scaling(raw.numpy()))
    rows = torch.arange(len(raw))
    samples = replace(images, spec=stage.codes, pixels=raw, labels=None, train=rows, held_out=rows)
    composed = compose_gan(section, stage.codes, None, 0, first_stage=stage)
    return seconds_an_image(composed, samples, section, engine)


def seconds_an_image(composed: GAN, samples: ImageSet, section: GanSection, engine: EngineSection) -> float:
    """How long a GAN trains for each image shown: the mean of a few steps after the first."""
    trainer = GANTrainer(TransferPlan(composed), samples, section.training, 0, Engine(engine))
    rows = samples.train
    seconds = []
    for step in range(_STEPS + 1):
        start = time.monotonic()
        batch = rows[torch.arange(section.training.batch) % len(rows)]
        seeded_step(trainer, batch, step * section.training.batch)
        seconds.append(time.monotonic() - start)
    return sum(seconds[1:]) / _STEPS / section.training.batch
