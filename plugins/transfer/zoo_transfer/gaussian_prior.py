"""A Gaussian fitted to the codes of the target's images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    Edit,
    GaussianFit,
    NormalPrior,
    PartSpec,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    fit_gaussian,
    fold_affine,
    memoize,
    name_of,
)
from zoo_transfer.configs.priors import GaussianPriorConfig
from zoo_transfer.kept_prior import kept_prior

__all__ = ["FittedGaussian", "Projection", "Whitening", "principal", "project", "projecting"]


class Whitening(nn.Module):
    """A source code c as the folded generator's z: scale^-1 (c - mean)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.eye(latent_dim))

    def forward(self, code: Tensor) -> Tensor:
        """(N, latent_dim) -> (N, latent_dim)."""
        return torch.linalg.solve_triangular(self.scale, (code - self.mean).T, upper=False).T


class Projection(nn.Module):
    """A source code c as the z of a generator with fewer or more values: M (c - mean)."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, source_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(source_dim))
        self.register_buffer("matrix", torch.zeros(latent_dim, source_dim))

    def forward(self, code: Tensor) -> Tensor:
        """(N, source_dim) -> (N, latent_dim)."""
        return (code - self.mean) @ self.matrix.T


def principal(codes: Tensor, k: int, ridge: float = 1e-4) -> GaussianFit:
    """codes (N, d) -> their mean (d,) and a scale (d, k) for k values of noise, in float64: their k largest principal
    components, or all of the covariance's root beside zeros where k is larger than d."""
    fit = fit_gaussian(codes, ridge)
    if k >= len(fit.mean):
        return GaussianFit(fit.mean, pad(fit.scale, (0, k - len(fit.mean))))
    values, vectors = torch.linalg.eigh(fit.scale @ fit.scale.T)
    return GaussianFit(fit.mean, vectors[:, -k:] * values[-k:].sqrt())


def projecting(net: str, how: str, fitted: Callable[[ApplyContext], GaussianFit], prefix: str = "") -> list[Edit]:
    """The edits that fill a projection, which `net` calls `prefix`, from a fit as `principal` gives it."""
    return [
        Edit(net, f"{prefix}mean", "fitted", how, lambda context: fitted(context).mean.float()),
        Edit(net, f"{prefix}matrix", "fitted", how, lambda context: torch.linalg.pinv(fitted(context).scale).float()),
    ]


def project(planned: TransferPlan, source_dim: int, latent_dim: int) -> None:
    """Let codes enter a generator of another number of values by their principal components, scaled to N(0, I)."""
    kept = min(source_dim, latent_dim)
    how = f"principal components {kept} of {source_dim}"
    fitted = memoize(lambda context: principal(context.codes(), latent_dim))
    device = next(planned.gan.generator.parameters()).device
    planned.to_latent = Projection(source_dim, latent_dim).to(device)
    planned.edits += projecting("to_latent", how, fitted)
    planned.required_tensors["to_latent"] = {"mean", "matrix"}


class FittedGaussian(TransferStrategy):
    """q(z) ~ N(mu, L L^T) by the codes' mean and covariance (ex-post density estimation: Ghosh et al. 2020, "From
    variational to deterministic autoencoders").

    Folded: z = mu + L e enters the generator's first layer as W' = W L, b' = b + W mu, so the GAN keeps the prior
    N(0, I) and samples what it would have sampled from the Gaussian. A generator without such a layer, or
    `fold = false`, gets the prior `core/gaussian` instead. A GAN with fewer values a code takes the codes' largest
    principal components; one with more takes all of them and values that the first layer does not read yet.
    """

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: GaussianPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the first layer and of the whitening, or of a fitted prior's two buffers."""
        if gan.latent_dim != source.latent_dim:
            return self._resized(source, gan)
        fitted = memoize(lambda context: fit_gaussian(context.codes(), self.config.ridge))
        if self.config.fold and _foldable(gan):
            return self._folded(gan, fitted)
        return self._kept(gan, fitted)

    def noop_config(self) -> None:
        """None: no setting makes a fitted Gaussian N(0, I) for every autoencoder."""

    def _folded(self, gan: GAN, fitted: Callable[[ApplyContext], GaussianFit]) -> TransferPlan:
        first: nn.Linear = gan.generator.first  # type: ignore[assignment]
        layer = name_of(first, gan.generator)
        how = "gaussian fit of the codes, folded"
        edits = fold_affine(
            "generator", layer, first, how, lambda context: (fitted(context).scale, fitted(context).mean)
        )
        whitening = Whitening(gan.latent_dim).to(next(gan.generator.parameters()).device)
        edits += [
            Edit("to_latent", "mean", "fitted", how, lambda context: fitted(context).mean.float()),
            Edit("to_latent", "scale", "fitted", how, lambda context: fitted(context).scale.float()),
        ]
        return TransferPlan(
            gan,
            edits,
            to_latent=whitening,
            required_tensors={"generator": {f"{layer}.weight", f"{layer}.bias"}, "to_latent": {"mean", "scale"}},
        )

    def _resized(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """z = mu + L_k e: the k directions in which codes vary most, or all of them and k - d that change nothing."""
        theirs, ours = source.decoder.first, gan.generator.first
        fits = isinstance(theirs, nn.Linear) and isinstance(ours, nn.Linear)
        if not fits or theirs.bias is None or ours.bias is None or theirs.out_features != ours.out_features:  # type: ignore[union-attr]
            raise TransferError(
                f"gaussian-prior: {source.latent_dim} values a code cannot be folded into {gan.latent_dim}: the first "
                "layers of decoder and generator are not alike",
                f"Compose the GAN with latent_dim={source.latent_dim}.",
            )
        assert isinstance(ours, nn.Linear)
        read, layer = name_of(theirs, source.decoder), name_of(ours, gan.generator)  # type: ignore[arg-type]
        fitted = memoize(lambda context: principal(context.codes(), gan.latent_dim, self.config.ridge))
        fewer = gan.latent_dim < source.latent_dim
        name = "principal components" if fewer else "gaussian fit of the codes, folded into"
        how = f"{name} {gan.latent_dim} of {source.latent_dim}: decoder.{read}"

        def weight(context: ApplyContext) -> Tensor:
            state = context.source.decoder.state_dict()
            return (state[f"{read}.weight"].double() @ fitted(context).scale).to(ours.weight.dtype)

        def bias(context: ApplyContext) -> Tensor:
            state = context.source.decoder.state_dict()
            shift = state[f"{read}.weight"].double() @ fitted(context).mean
            return (state[f"{read}.bias"].double() + shift).to(ours.bias.dtype)

        projection = Projection(source.latent_dim, gan.latent_dim).to(next(gan.generator.parameters()).device)
        edits = [
            Edit("generator", f"{layer}.weight", "adapted", f"{how}.weight", weight),
            Edit("generator", f"{layer}.bias", "adapted", f"{how}.bias", bias),
            *projecting("to_latent", how, fitted),
        ]
        required_tensors = {"generator": {f"{layer}.weight", f"{layer}.bias"}, "to_latent": {"mean", "matrix"}}
        return TransferPlan(gan, edits, to_latent=projection, required_tensors=required_tensors)

    def _kept(self, gan: GAN, fitted: Callable[[ApplyContext], GaussianFit]) -> TransferPlan:
        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            found = fitted(context)
            return {"mean": found.mean, "scale": found.scale}

        return kept_prior(gan, PartSpec("core/gaussian"), "gaussian fit of the codes", fit)


def _foldable(gan: GAN) -> bool:
    first = gan.generator.first
    return isinstance(first, nn.Linear) and first.bias is not None and isinstance(gan.prior, NormalPrior)
