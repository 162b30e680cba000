"""Objectives of autoencoders. Images are compared in their value range; errors are means over values."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import per_sample
from zoo.errors import CompositionError
from zoo.losses.configs import (
    MatchedCodesConfig,
    PerceptualConfig,
    ReconstructionConfig,
    RegularisedConfig,
    VariationalConfig,
)
from zoo.losses.types import Losses
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_part
from zoo.networks.types import Encoder

__all__ = [
    "MatchedCodes",
    "MeanSquaredError",
    "Perceptual",
    "Regularised",
    "Variational",
    "feature_distance",
    "normal_like",
    "posterior_with_variance",
    "squared_mmd",
]


class MeanSquaredError:
    """E ||x - Dec(Enc(x + noise))||^2 / d + code_penalty E ||z||^2 / 2 (denoising: Vincent et al. 2008; the
    code penalty: Ghosh et al. 2020, "From variational to deterministic autoencoders").

    If the bottleneck has a variance, its mean is used.
    """

    def __init__(self, config: ReconstructionConfig) -> None:
        self.noise = config.noise
        self.code_penalty = config.code_penalty

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws the noise."""
        noisy = x
        if self.noise:
            std = self.noise * (autoencoder.data.high - autoencoder.data.low)
            noisy = x + std * normal_like(x, rng)
        code = autoencoder.posterior(noisy).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        total = error + self.code_penalty * 0.5 * _squared_norm(code) if self.code_penalty else error
        return Losses(total, {"mse": error.detach()})


class Variational:
    """The negative evidence lower bound (Kingma and Welling 2014), divided by the sample's size d:

        E ||x - Dec(z)||^2 / d + beta KL(q(z|x) || N(0, I)) / d,    z = mean + exp(logvar / 2) e

    The KL of each value of the code, averaged over the batch, counts only above `free_bits` (Kingma et al. 2016).
    Needs a bottleneck with a variance (core/gaussian).
    """

    def __init__(self, config: VariationalConfig) -> None:
        self.beta = config.beta
        self.free_bits = config.free_bits

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws e."""
        mean, logvar = posterior_with_variance(autoencoder, x, "core/vae")
        noise = normal_like(mean, rng)
        reconstruction = autoencoder.decoder(mean + torch.exp(0.5 * logvar) * noise)
        error = (x - reconstruction).square().mean()
        per_value = 0.5 * (mean.square() + logvar.exp() - logvar - 1)
        divergence = per_value.flatten(1).sum(1).mean()
        penalised = per_value.mean(0).clamp(min=self.free_bits).sum() if self.free_bits else divergence
        total = error + self.beta * penalised / autoencoder.data.size
        return Losses(total, {"mse": error.detach(), "kl": divergence.detach()})


class MatchedCodes:
    """E ||x - Dec(Enc(x))||^2 / d + weight MMD^2(codes, N(0, I)) / d, with the inverse multiquadratics kernel sum over
    scales s of C / (C + ||a - b||^2), C = 2 d s for d values a code (WAE-MMD: Tolstikhin et al. 2018).

    The estimate is unbiased. If the bottleneck has a variance, its mean is used.
    """

    scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, config: MatchedCodesConfig) -> None:
        self.weight = config.weight

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws from the prior."""
        code = autoencoder.posterior(x).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        distance = squared_mmd(code.flatten(1), normal_like(code, rng).flatten(1), self.scales)
        total = error + self.weight * distance / autoencoder.data.size
        return Losses(total, {"mse": error.detach(), "mmd": distance.detach()})


class Regularised:
    """E ||x - Dec(Enc(x))||^2 / d + code_penalty E ||z||^2 / 2 + decoder_weight R (RAE: Ghosh et al. 2020).

    R is the squared norm of the decoder's weights (`l2`), or E ||J_Dec(z)||_F^2 / 2 (`gradient`, RAE-GP in the paper),
    with the unbiased estimate ||J^T v||^2 / 2, v ~ N(0, I). The paper's third choice, a spectral norm, is a setting of
    the decoder's component.
    """

    def __init__(self, config: RegularisedConfig) -> None:
        self.config = config

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws v."""
        code = autoencoder.posterior(x).mean
        # in half precision a second derivative would be too inaccurate
        twice = self.config.decoder == "gradient"
        with torch.autocast(x.device.type, enabled=False) if twice else nullcontext():
            reconstruction = autoencoder.decoder(code.to(x) if twice else code)
        error = (x - reconstruction).square().mean()
        total = error + self.config.code_penalty * 0.5 * _squared_norm(code)
        if self.config.decoder == "l2":
            norms = [weight.square().sum() for weight in autoencoder.decoder.parameters()]
            total = total + self.config.decoder_weight * torch.stack(norms).sum()
        elif self.config.decoder == "gradient":
            direction = normal_like(reconstruction, rng)
            (gradient,) = torch.autograd.grad((reconstruction * direction).sum(), code, create_graph=True)
            total = total + self.config.decoder_weight * 0.5 * _squared_norm(gradient)
        return Losses(total, {"mse": error.detach()})


class Perceptual(nn.Module):
    """mean_l ||phi_l(x) - phi_l(Dec(Enc(x)))||^2 / n_l + pixels ||x - Dec(Enc(x))||^2 / d, where phi_l is stage l of a
    frozen encoder (Johnson et al. 2016, "Perceptual losses", over several layers)."""

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: Encoder | None = None

    def prepare(self, autoencoder: Autoencoder, images: int) -> None:
        """Build the encoder for the autoencoder's samples, with the weights that its settings name."""
        device = next(autoencoder.parameters()).device.type
        spec = plugins.normalise("encoder", self.config.encoder)
        encoder: Encoder = build_part("encoder", spec, "perceptual", autoencoder.data, device=device)
        self.encoder = encoder.eval().requires_grad_(False)

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss."""
        assert self.encoder is not None, "prepare comes first"
        code = autoencoder.posterior(x).mean
        reconstruction = autoencoder.decoder(code)
        error = (x - reconstruction).square().mean()
        with torch.no_grad():
            target = self.encoder.features(x).stages
        distance = feature_distance(target, self.encoder.features(reconstruction).stages)
        total = distance + self.config.pixels * error + self.config.code_penalty * 0.5 * _squared_norm(code)
        return Losses(total, {"mse": error.detach(), "features": distance.detach()})


def feature_distance(target: Sequence[Tensor], stages: Sequence[Tensor]) -> Tensor:
    """The squared error of feature stages (N, C, ...), averaged over values and then over stages; a scalar."""
    return torch.stack([(a - b).square().mean() for a, b in zip(target, stages, strict=True)]).mean()


def normal_like(x: Tensor, rng: torch.Generator | None) -> Tensor:
    """N(0, I) of the shape of x (N, ...), drawn in float32 on the CPU, with the type and device of x."""
    rest = x.shape[1:]
    return per_sample(lambda m: torch.randn(m, *rest, generator=rng, dtype=torch.float32), len(x), rng).to(x)


def posterior_with_variance(autoencoder: Autoencoder, x: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Mean and log-variance (N, *code_shape). Raises CompositionError if the bottleneck has no variance; `what` is the
    objective."""
    mean, logvar = autoencoder.posterior(x)
    if logvar is None:
        raise CompositionError(
            f"objective {what} needs a variance, but bottleneck {autoencoder.specs['bottleneck'].component} has none",
            "Use the bottleneck core/gaussian, or the objective core/ae.",
        )
    return mean, logvar


def squared_mmd(a: Tensor, b: Tensor, scales: Sequence[float]) -> Tensor:
    """The unbiased squared maximum mean discrepancy of a (N, d) and b (N, d), a scalar that may be negative."""
    n, d = a.shape
    if n < 2:
        return (a - b).sum() * 0.0

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squared = (x[:, None] - y[None]).square().sum(2)
        return torch.stack([2 * d * s / (2 * d * s + squared) for s in scales]).sum(0)

    off_diagonal = 1 - torch.eye(n, dtype=a.dtype, device=a.device)
    within = ((kernel(a, a) + kernel(b, b)) * off_diagonal).sum() / (n * (n - 1))
    return within - 2 * kernel(a, b).mean()


def _squared_norm(x: Tensor) -> Tensor:
    """The squared L2 norm of each x (N, ...), averaged over the batch; a scalar."""
    return x.flatten(1).square().sum(1).mean()
