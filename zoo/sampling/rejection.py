"""Which samples are kept: by the discriminator's score, or by the distance to the training images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo._utils.seeds import SampleStreams, per_sample
from zoo.data.images import ImageSet
from zoo.errors import ConfigError, DataError
from zoo.networks.conditioning import condition_arguments, takes_condition
from zoo.networks.gan import GAN
from zoo.networks.utils import evaluating
from zoo.sampling.logistic import fit_logistic
from zoo.sampling.nearest import TrainingImages
from zoo.sampling.series import SampleSeries

__all__ = ["CALIBRATED_ON", "REJECTIONS", "ByDistance", "ByScore", "calibrate_distance", "calibrate_score", "scores"]

REJECTIONS = ("none", "score", "distance")
CALIBRATED_ON = 4096
"""How many samples the rejection is calibrated on: those of the same seed, from `_AFTER` on."""
_AFTER = 2**31
_CHUNK = 64
_GAMMA = 0.8
_EPSILON = 1e-6
_FARTHEST, _NEAREST = 0.95, 0.01
_LEAST_KEPT = 0.005


@dataclass(frozen=True)
class ByScore:
    """Discriminator rejection sampling (Azadi, Olsson, Darrell, Goodfellow and Odena 2019, algorithm 1).

    `weights` and `bias` turn the features of D (`scores`) into the log of the density ratio of real and generated
    images, l; `largest` is its maximum M over the samples of the calibration. A sample is kept with the probability
    sigmoid(F), F = l - M - log(1 - exp(l - M - epsilon)) - gamma; `gamma` is the 80th percentile of F without it, as
    in the paper for photographs. `right` is the share of pairs of a real and a generated image that l puts in order,
    held out: at 0.5 D cannot tell them apart, and rejection gains nothing. `kept` is the share of samples kept.
    """

    weights: tuple[float, ...]
    bias: float
    largest: float
    gamma: float
    right: float
    kept: float

    def ratios(self, features: Tensor) -> Tensor:
        """Features (n, d) of D -> log density ratios (n,), float64."""
        return features.double() @ torch.tensor(self.weights, dtype=torch.float64) + self.bias

    def probabilities(self, features: Tensor) -> Tensor:
        """Features (n, d) of D -> the probability (n,) that each is kept."""
        return torch.sigmoid(_margin(self.ratios(features), self.largest) - self.gamma)


@dataclass(frozen=True)
class ByDistance:
    """A sample is kept if its distance to the nearest training image is at least `nearest` and at most `farthest`: the
    1st and 95th percentile of the distances of held-out images. So near-copies go, and what is like no image. `kept` is
    the share of samples kept."""

    nearest: float
    farthest: float
    kept: float

    def keeps(self, distances: Tensor) -> Tensor:
        """Distances (n,) -> bools (n,)."""
        return (distances >= self.nearest) & (distances <= self.farthest)


def calibrate_score(series: SampleSeries, images: ImageSet) -> ByScore:
    """Fit the logit of a last layer on D's features by cross-entropy, to held-out images and to samples that are not
    used otherwise, as the paper does for a D with another loss than the cross-entropy.

    Raises DataError for fewer than ten held-out images, ConfigError if D takes a condition and the images have none, or
    if less than 0.5 % would be kept.
    """
    gan, rows = series.gan, images.held_out
    condition = images.conditions(rows)
    if takes_condition(gan.discriminator) and condition is None:
        raise ConfigError("this discriminator takes a class of each image", f"Give labels of {images.name}.")
    real = torch.cat([
        scores(gan, gan.from_output(images.batch(part)), None if condition is None else condition[at])
        for part, at in zip(rows.split(_CHUNK), torch.arange(len(rows)).split(_CHUNK), strict=True)
    ])  # fmt: skip
    drawn = [series(range(at, at + _CHUNK)) for at in range(_AFTER, _AFTER + CALIBRATED_ON, _CHUNK)]
    fake = torch.cat([scores(gan, one.samples, one.condition) for one in drawn])
    fitted = fit_logistic(real, fake)
    ratios = fake.double() @ fitted.weights + fitted.bias
    largest = float(ratios.max())
    margins = _margin(ratios, largest)
    gamma = float(torch.quantile(margins, _GAMMA))
    kept = float(torch.sigmoid(margins - gamma).mean())
    _refuse_rare(kept)
    return ByScore(tuple(fitted.weights.tolist()), fitted.bias, largest, gamma, fitted.right, kept)


def calibrate_distance(series: SampleSeries, training: TrainingImages) -> ByDistance:
    """The limits by the held-out images of `training`. Raises DataError for fewer than ten of them, ConfigError if less
    than 0.5 % of the samples would be kept."""
    images = training.images
    if len(images.held_out) < 10:
        raise DataError(f"{len(images.held_out)} held-out images are too few", "Hold out ten or more.")
    of_real = torch.cat([training.nearest(images.batch(part))[1] for part in images.held_out.split(256)])
    low, high = torch.quantile(of_real, torch.tensor([_NEAREST, _FARTHEST], dtype=torch.float64)).tolist()
    drawn = [series(range(at, at + 256)) for at in range(_AFTER, _AFTER + CALIBRATED_ON // 4, 256)]
    distances = torch.cat([training.nearest(one.images)[1] for one in drawn])
    kept = float(ByDistance(low, high, 1.0).keeps(distances).double().mean())
    _refuse_rare(kept)
    return ByDistance(low, high, kept)


@torch.no_grad()
def scores(gan: GAN, samples: Tensor, condition: Tensor | None) -> Tensor:
    """What D says of samples (n, *data.shape), on the CPU: (n, 1 + c), the mean logit, then the mean over places of
    each channel of its last feature stage, if it has one."""
    device = next(gan.discriminator.parameters()).device
    arguments = condition_arguments(gan.discriminator, condition)
    rows = []
    with evaluating(gan.discriminator):
        for batch in zip(*(tensor.split(_CHUNK) for tensor in (samples, *arguments)), strict=True):
            out = gan.discriminator.discriminate(*(tensor.to(device) for tensor in batch))
            logit = out.logits.flatten(1).mean(1, keepdim=True)
            pooled = [out.stages[-1].flatten(2).mean(2)] if out.stages and out.stages[-1].dim() > 2 else []
            rows.append(torch.cat([logit, *pooled], 1).float().cpu())
    return torch.cat(rows)


def uniforms(seed: int, index: Tensor) -> Tensor:
    """A number in [0, 1) for each sample (n,), which depends on seed and index alone."""
    rng = SampleStreams([(seed, int(i)) for i in index], len(index), "rejection")
    return per_sample(lambda m: torch.rand(m, generator=rng, dtype=torch.float64), len(index), rng)


def _margin(ratios: Tensor, largest: float) -> Tensor:
    below = (ratios - largest).clamp(max=0.0)
    return below - torch.log(-torch.expm1(below - _EPSILON))


def _refuse_rare(kept: float) -> None:
    if not math.isfinite(kept) or kept < _LEAST_KEPT:
        raise ConfigError(
            f"{kept:.2%} of the samples would be kept",
            "The GAN's samples are too far from these images: train it longer, or leave --reject out.",
        )
