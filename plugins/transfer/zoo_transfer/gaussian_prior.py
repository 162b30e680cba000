"""A Gaussian fitted to the codes of the target's images, folded into the generator or as its prior."""

from __future__ import annotations

import math
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
    full_cost,
    memoize,
    name_of,
    refuse_costly,
)
from zoo_transfer.configs.priors import FittedGaussianConfig, FittedMixtureConfig
from zoo_transfer.fitted_prior import low_rank_of, plan_fitted_prior, plan_low_rank_prior

__all__ = ["FittedGaussian", "Projection", "Whitening", "principal_components", "project_codes", "projection_edits"]

Fit = Callable[[ApplyContext], GaussianFit]


class Whitening(nn.Module):
    """A source code c as the z of a generator into which the Gaussian is folded: scale^-1 (c - mean)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.eye(d))

    def forward(self, code: Tensor) -> Tensor:
        """(N, *code_shape) of d values -> the same shape."""
        centred = code.flatten(1) - self.mean
        return torch.linalg.solve_triangular(self.scale, centred.T, upper=False).T.view(code.shape)


class Projection(nn.Module):
    """A source code c as the z of a generator with codes of another shape: M (c - mean)."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, source_dim: int, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.register_buffer("mean", torch.zeros(source_dim))
        self.register_buffer("matrix", torch.zeros(math.prod(code_shape), source_dim))

    def forward(self, code: Tensor) -> Tensor:
        """Codes (N, ...) of `source_dim` values -> (N, *code_shape)."""
        return ((code.flatten(1) - self.mean) @ self.matrix.T).view(-1, *self.code_shape)


class FittedGaussian(TransferStrategy):
    """q(z) = N(mu, L L^T), with the codes' mean and covariance (ex-post density estimation: Ghosh et al. 2020, "From
    variational to deterministic autoencoders").

    With `fold`, z = mu + L e enters the generator's first layer as W' = W L, b' = b + W mu; the GAN keeps the prior
    N(0, I), and its samples are those of the Gaussian. Without it, or if the generator has no such layer, the prior
    becomes `core/gaussian`; if the covariance has a rank, `core/low-rank`. A GAN with smaller codes gets their largest
    principal components; a GAN with larger ones gets all of them, and further values that the first layer does not
    read yet.
    """

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: FittedGaussianConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the first layer and of `to_latent`, or of the prior."""
        if gan.code_shape != source.code_shape:
            return self._plan_resized(source, gan)
        rank = low_rank_of(self.config.rank, gan.code_size, 1)
        if rank is not None:
            config = self.config
            single = FittedMixtureConfig(1, shrinkage=0.0, ridge=config.ridge, max_codes=config.max_codes)
            return plan_low_rank_prior(gan, single, rank)
        fitted = memoize(lambda context: fit_gaussian(context.codes().flatten(1), self.config.ridge))
        if self.config.fold and _can_fold(gan):
            return self._plan_folded(gan, fitted)

        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            return fitted(context)._asdict()

        part = PartSpec("core/gaussian")
        return plan_fitted_prior(gan, part, "gaussian fit of the codes", fit, lambda n: full_cost(n, gan.code_size, 1))

    def noop_config(self) -> None:
        """None: no setting makes a fitted Gaussian N(0, I) for every autoencoder."""

    def _plan_folded(self, gan: GAN, fitted: Fit) -> TransferPlan:
        first: nn.Linear = gan.generator.first  # type: ignore[assignment]
        layer = name_of(first, gan.generator)
        how = "gaussian fit of the codes, folded"
        refuse_costly(how, full_cost(1, gan.code_size, 1))
        edits = fold_affine(
            "generator", layer, first, how, lambda context: (fitted(context).scale, fitted(context).mean)
        )
        whitening = Whitening(gan.code_size).to(next(gan.generator.parameters()).device)
        edits += [
            Edit("to_latent", "mean", "fitted", how, lambda context: fitted(context).mean.float()),
            Edit("to_latent", "scale", "fitted", how, lambda context: fitted(context).scale.float()),
        ]
        required_tensors = {"generator": {f"{layer}.weight", f"{layer}.bias"}, "to_latent": {"mean", "scale"}}
        costs = {how: lambda images: full_cost(images, gan.code_size, 1)}
        return TransferPlan(gan, edits, to_latent=whitening, required_tensors=required_tensors, fit_costs=costs)

    def _plan_resized(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """z = mu + L_k e: the k directions in which codes vary most, or all d of them and k - d zeros."""
        if isinstance(self.config.rank, int):
            raise TransferError(
                f"gaussian-prior: rank is {self.config.rank}, but {source.code_size} values a code become "
                f"{gan.code_size} by the principal components of a full covariance",
                "Leave rank out.",
            )
        old, new = source.decoder.first, gan.generator.first
        linear = isinstance(old, nn.Linear) and isinstance(new, nn.Linear)
        if not linear or old.bias is None or new.bias is None or old.out_features != new.out_features:  # type: ignore[union-attr]
            raise TransferError(
                f"gaussian-prior: {source.code_size} values a code cannot be folded into {gan.code_size}: the first "
                "layers of decoder and generator are not alike",
                f"Compose the GAN with code_shape={source.code_shape}.",
            )
        assert isinstance(new, nn.Linear)
        old_name, layer = name_of(old, source.decoder), name_of(new, gan.generator)  # type: ignore[arg-type]
        fitted = memoize(lambda context: principal_components(context.codes(), gan.code_size, self.config.ridge))
        fewer = gan.code_size < source.code_size
        name = "principal components" if fewer else "gaussian fit of the codes, folded into"
        how = f"{name} {gan.code_size} of {source.code_size}: decoder.{old_name}"

        def weight(context: ApplyContext) -> Tensor:
            state = context.source.decoder.state_dict()
            return (state[f"{old_name}.weight"].double() @ fitted(context).scale).to(new.weight.dtype)

        def bias(context: ApplyContext) -> Tensor:
            state = context.source.decoder.state_dict()
            shift = state[f"{old_name}.weight"].double() @ fitted(context).mean
            return (state[f"{old_name}.bias"].double() + shift).to(new.bias.dtype)

        edits = [
            Edit("generator", f"{layer}.weight", "adapted", f"{how}.weight", weight),
            Edit("generator", f"{layer}.bias", "adapted", f"{how}.bias", bias),
        ]
        planned = TransferPlan(gan, edits, required_tensors={"generator": {edit.tensor for edit in edits}})
        _add_projection(planned, source, gan, how, fitted)
        return planned


def principal_components(codes: Tensor, k: int, ridge: float = 1e-4) -> GaussianFit:
    """The mean (d,) of codes (N, ...) of d values, and a scale (d, k) in float64 for k values of noise.

    The scale holds their k largest principal components; if k is larger than d, the Cholesky factor of their
    covariance, followed by zeros.
    """
    fit = fit_gaussian(codes.flatten(1), ridge)
    if k >= len(fit.mean):
        return GaussianFit(fit.mean, pad(fit.scale, (0, k - len(fit.mean))))
    values, vectors = torch.linalg.eigh(fit.scale @ fit.scale.T)
    return GaussianFit(fit.mean, vectors[:, -k:] * values[-k:].sqrt())


def projection_edits(net: str, how: str, fitted: Fit, prefix: str = "") -> list[Edit]:
    """The edits that fill a `Projection`, called `prefix` in `net`, from a fit of `principal_components`."""
    return [
        Edit(net, f"{prefix}mean", "fitted", how, lambda context: fitted(context).mean.float()),
        Edit(net, f"{prefix}matrix", "fitted", how, lambda context: torch.linalg.pinv(fitted(context).scale).float()),
    ]


def project_codes(planned: TransferPlan, source: Autoencoder, gan: GAN) -> None:
    """Add to the plan the map of the source's codes to a z of another shape: their principal components, scaled to
    N(0, I)."""
    how = f"principal components {min(source.code_size, gan.code_size)} of {source.code_size}"
    fitted = memoize(lambda context: principal_components(context.codes(), gan.code_size))
    _add_projection(planned, source, gan, how, fitted)


def _add_projection(planned: TransferPlan, source: Autoencoder, gan: GAN, how: str, fitted: Fit) -> None:
    device = next(planned.gan.generator.parameters()).device
    planned.to_latent = Projection(source.code_size, gan.code_shape).to(device)
    planned.edits += projection_edits("to_latent", how, fitted)
    planned.required_tensors["to_latent"] = {"mean", "matrix"}


def _can_fold(gan: GAN) -> bool:
    first = gan.generator.first
    return isinstance(first, nn.Linear) and first.bias is not None and isinstance(gan.prior, NormalPrior)
