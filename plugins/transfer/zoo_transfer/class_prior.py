"""A mixture for each class, fitted to the codes of its images: a GAN takes a class without another network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    FitCost,
    Noise,
    PartSpec,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    choose,
    evenly_spread,
    fit_mixture,
    full_cost,
    per_sample,
    stream,
    uniform_choosing,
)
from zoo_transfer.class_embedding import require_condition
from zoo_transfer.configs.classes import ClassMixtureConfig, ClassPriorConfig
from zoo_transfer.fitted_prior import plan_fitted_prior
from zoo_transfer.gan_parts import require_same_latent

__all__ = ["ClassMixture", "ClassPrior", "fit_classes"]


class ClassMixture(nn.Module):
    """For each of K classes a mixture of m Gaussians of flattened codes: `weights` (K, m), `means` (K, m, d), `scales`
    (K, m, d, d) lower triangular."""

    conditional = True
    weights: Tensor
    means: Tensor
    scales: Tensor

    def __init__(self, config: ClassMixtureConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        k, m, d = config.classes, config.components, math.prod(code_shape)
        self.code_shape = code_shape
        self.register_buffer("weights", torch.full((k, m), 1.0 / m))
        self.register_buffer("means", torch.zeros(k, m, d))
        self.register_buffer("scales", torch.eye(d).repeat(k, m, 1, 1))

    def sample(self, n: int, rng: torch.Generator | None = None, condition: Tensor | None = None) -> Tensor:
        """n codes (n, *code_shape) of the classes (n,), drawn on the CPU."""
        assert condition is not None, "it is conditional"
        classes = condition.cpu()
        weights = self.weights.cpu()[classes]
        components = _components(weights, rng)
        codes = self.means.cpu()[classes, components]
        noise = per_sample(lambda m: torch.randn(m, codes.shape[1], generator=rng), n, rng)
        # a loop over the Gaussians that were drawn: (n, d, d) @ (n, d, 1) would copy a matrix per sample
        which = classes * self.weights.shape[1] + components
        scales = self.scales.cpu().flatten(0, 1)
        for number in which.unique().tolist():
            rows = which == number
            codes[rows] += noise[rows] @ scales[number].T
        return codes.view(n, *self.code_shape)

    def noise(self, n: int, rng: torch.Generator | None = None, condition: Tensor | None = None) -> Noise:
        """A uniform number that chooses a Gaussian of the class, and a normal one for each value of a code."""
        assert condition is not None, "it is conditional"
        weights = self.weights.cpu()[condition.cpu()]
        components = _components(weights, rng)
        normal = per_sample(lambda m: torch.randn(m, self.means.shape[2], generator=rng), n, rng)
        return Noise(normal, uniform_choosing(weights, components))

    def from_noise(self, noise: Noise, condition: Tensor | None = None) -> Tensor:
        """The codes of this noise and these classes (n,); takes d^2 values of memory a code."""
        assert condition is not None, "it is conditional"
        components = choose(self.weights[condition], noise.uniform)
        which = condition * self.weights.shape[1] + components
        spread = (self.scales.flatten(0, 1)[which] @ noise.normal.unsqueeze(2)).squeeze(2)
        return (self.means.flatten(0, 1)[which] + spread).reshape(-1, *self.code_shape)


def _components(weights: Tensor, rng: torch.Generator | None) -> Tensor:
    """A component (n,) for each row of weights (n, m), as torch.multinomial draws one: the first to arrive, at rates of
    the weights."""
    n, most = weights.shape
    arrivals = per_sample(lambda m: torch.empty(m, most).exponential_(generator=rng), n, rng)
    return (weights / arrivals).argmax(1)


class ClassPrior(TransferStrategy):
    """q(z | y) = sum_j w_yj N(mu_yj, S_yj), fitted to the codes of the class's images (one Gaussian a class: Mariani et
    al. 2018, "BAGAN: data augmentation with balancing GAN"). Networks need not take a class: the code says which.

    S is shrunk to the pooled covariance within the classes, so that a class of 20 images gets a usable one (regularised
    discriminant analysis: Friedman 1989). A class without images gets the mean and covariance of all.
    """

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: ClassPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the prior's weights, means and covariances."""
        require_same_latent(source, gan, "class-prior")
        condition = require_condition(gan.data, "class-prior")
        if not condition.classes:
            raise TransferError(
                "class-prior is for classes, and the images have attributes",
                "Use class-embedding and class-projection.",
            )
        config, count = self.config, condition.width
        config.check_size(count, gan.code_size)

        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            labels = context.labels()
            assert labels is not None, "labelled data has labels"
            codes = evenly_spread(context.codes(), config.max_codes).flatten(1)
            return fit_classes(config, codes, evenly_spread(labels, config.max_codes), count)

        def cost(images: int) -> FitCost:
            return full_cost(min(images, config.max_codes), gan.code_size, count * config.components)

        part = PartSpec("transfer/class-mixture", {"classes": count, "components": config.components})
        what = "a Gaussian" if config.components == 1 else f"a mixture of {config.components}"
        return plan_fitted_prior(gan, part, f"{what} a class fitted to the codes", fit, cost)

    def noop_config(self) -> None:
        """None: no setting makes the fitted classes N(0, I) for every autoencoder."""


def fit_classes(config: ClassPriorConfig, codes: Tensor, labels: Tensor, classes: int) -> dict[str, Tensor]:
    """The buffers of a `ClassMixture` fitted to codes (N, d) of the classes `labels` (N,), in float64."""
    x, d, m = codes.double(), codes.shape[1], config.components
    rng = stream(config.seed, "class-prior")
    ridge = config.ridge * torch.eye(d, dtype=torch.float64)
    weights = torch.zeros(classes, m, dtype=torch.float64)
    means = x.mean(0).repeat(classes, m, 1)
    scales = torch.zeros(classes, m, d, d, dtype=torch.float64)
    pooled = _within(x, labels)
    overall = torch.linalg.cholesky(torch.cov(x.T, correction=0).view(d, d) + ridge)
    for number in range(classes):
        own = x[labels == number]
        weights[number, 0] = 1.0
        scales[number] = overall
        if not len(own):
            continue
        used = min(m, max(1, len(own) // config.least))
        if used == 1:
            shares, centres = torch.ones(1, dtype=torch.float64), own.mean(0, keepdim=True)
            covariances = _covariance(own)[None]
        else:
            mixture = fit_mixture(own, used, rng, shrinkage=0.0, ridge=config.ridge)
            shares, centres = mixture.weights.double(), mixture.means.double()
            covariances = mixture.scales.double() @ mixture.scales.double().mT
        counts = (shares * len(own))[:, None, None]
        shrunk = (counts * covariances + config.pooled * pooled) / (counts + config.pooled) + ridge
        weights[number, :used], means[number, :used] = shares, centres
        scales[number, :used] = torch.linalg.cholesky(shrunk)
    return {"weights": weights, "means": means, "scales": scales}


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / len(x)


def _within(x: Tensor, labels: Tensor) -> Tensor:
    """The covariance (d, d) of codes around the means of their classes."""
    centred = x.clone()
    for number in labels.unique().tolist():
        centred[labels == number] -= x[labels == number].mean(0)
    return centred.T @ centred / len(x)
