"""What autoencoders minimise. Images are compared in their value range; figures are per value."""

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

__all__ = [
    "MatchedCodes",
    "MeanSquaredError",
    "Perceptual",
    "Regularised",
    "Variational",
    "normal_like",
    "posterior_with_variance",
    "squared_mmd",
]


class MeanSquaredError:
    """E ||x - Dec(Enc(x + noise))||^2 / d + code_penalty E ||z||^2 / 2 (denoising: Vincent et al. 2008; the
    code penalty: Ghosh et al. 2020, "From variational to deterministic autoencoders").

    A bottleneck that gives a variance is used through its mean.
    """

    def __init__(self, config: ReconstructionConfig) -> None:
        self.noise = config.noise
        self.code_penalty = config.code_penalty

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws the noise."""
        seen = x
        if self.noise:
            spread = self.noise * (autoencoder.data.high - autoencoder.data.low)
            seen = x + spread * normal_like(x, rng)
        code = autoencoder.posterior(seen).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        total = error + self.code_penalty * 0.5 * code.square().sum(1).mean() if self.code_penalty else error
        return Losses(total, {"mse": error.detach()})


class Variational:
    """The negative evidence lower bound (Kingma and Welling 2014), divided by the sample's size d:

        E ||x - Dec(z)||^2 / d + beta KL(q(z|x) || N(0, I)) / d,    z = mean + exp(logvar / 2) e

    With `free_bits` each value's KL, averaged over the batch, counts from there on (Kingma et al. 2016).
    Needs a bottleneck with a variance (core/gaussian).
    """

    def __init__(self, config: VariationalConfig) -> None:
        self.beta = config.beta
        self.free_bits = config.free_bits

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws e."""
        mean, logvar = posterior_with_variance(autoencoder, x, "core/vae")
        noise = normal_like(mean, rng)
        sample = autoencoder.decoder(mean + torch.exp(0.5 * logvar) * noise)
        error = (x - sample).square().mean()
        each = 0.5 * (mean.square() + logvar.exp() - logvar - 1)
        divergence = each.sum(1).mean()
        penalised = each.mean(0).clamp(min=self.free_bits).sum() if self.free_bits else divergence
        total = error + self.beta * penalised / autoencoder.data.size
        return Losses(total, {"mse": error.detach(), "kl": divergence.detach()})


class MatchedCodes:
    """E ||x - Dec(Enc(x))||^2 / d + weight MMD^2(codes, N(0, I)) / d, with the inverse multiquadratics kernel sum over
    scales s of C / (C + ||a - b||^2), C = 2 latent_dim s (WAE-MMD: Tolstikhin et al. 2018).

    The estimate is unbiased. A bottleneck that gives a variance is used through its mean.
    """

    scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, config: MatchedCodesConfig) -> None:
        self.weight_of_match = config.weight

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws from the prior."""
        code = autoencoder.posterior(x).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        wanted = normal_like(code, rng)
        distance = squared_mmd(code, wanted, self.scales)
        total = error + self.weight_of_match * distance / autoencoder.data.size
        return Losses(total, {"mse": error.detach(), "mmd": distance.detach()})


class Regularised:
    """E ||x - Dec(Enc(x))||^2 / d + code_penalty E ||z||^2 / 2 + decoder_weight R (RAE: Ghosh et al. 2020).

    R is the squared norm of the decoder's weights (`l2`), or E ||J_Dec(z)||_F^2 / 2 (`gradient`, their RAE-GP),
    estimated without bias as ||J^T v||^2 / 2 with v ~ N(0, I). A spectral norm of the decoder is a setting of its own
    component.
    """

    def __init__(self, config: RegularisedConfig) -> None:
        self.config = config

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws v."""
        code = autoencoder.posterior(x).mean
        # what is differentiated twice stays out of half precision
        twice = self.config.decoder == "gradient"
        with torch.autocast(x.device.type, enabled=False) if twice else nullcontext():
            again = autoencoder.decoder(code.to(x) if twice else code)
        error = (x - again).square().mean()
        total = error + self.config.code_penalty * 0.5 * code.square().sum(1).mean()
        if self.config.decoder == "l2":
            norms = [weight.square().sum() for weight in autoencoder.decoder.parameters()]
            total = total + self.config.decoder_weight * torch.stack(norms).sum()
        elif self.config.decoder == "gradient":
            direction = normal_like(again, rng)
            (slope,) = torch.autograd.grad((again * direction).sum(), code, create_graph=True)
            total = total + self.config.decoder_weight * 0.5 * slope.square().sum(1).mean()
        return Losses(total, {"mse": error.detach()})


class Perceptual(nn.Module):
    """mean_l ||phi_l(x) - phi_l(Dec(Enc(x)))||^2 / n_l + pixels ||x - Dec(Enc(x))||^2 / d, phi the stages of a frozen
    encoder (Johnson et al. 2016, "Perceptual losses", over several layers)."""

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: nn.Module | None = None

    def prepare(self, autoencoder: Autoencoder) -> None:
        """Build the encoder for the autoencoder's samples."""
        device = next(autoencoder.parameters()).device.type
        spec = plugins.normalise("encoder", self.config.encoder)
        self.encoder = build_part("encoder", spec, "perceptual", autoencoder.data, device=device)
        self.encoder.eval().requires_grad_(False)

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss."""
        assert self.encoder is not None, "prepare comes first"
        code = autoencoder.posterior(x).mean
        again = autoencoder.decoder(code)
        error = (x - again).square().mean()
        with torch.no_grad():
            wanted = self.encoder.features(x).stages  # type: ignore[operator]
        seen = self.encoder.features(again).stages  # type: ignore[operator]
        distance = torch.stack([(a - b).square().mean() for a, b in zip(wanted, seen, strict=True)]).mean()
        total = distance + self.config.pixels * error + self.config.code_penalty * 0.5 * code.square().sum(1).mean()
        return Losses(total, {"mse": error.detach(), "features": distance.detach()})


def normal_like(x: Tensor, rng: torch.Generator | None) -> Tensor:
    """N(0, I) for every sample of x (N, ...), drawn in float32 on the CPU, as x's type on its device."""
    rest = x.shape[1:]
    return per_sample(lambda m: torch.randn(m, *rest, generator=rng, dtype=torch.float32), len(x), rng).to(x)


def posterior_with_variance(autoencoder: Autoencoder, x: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of the codes. Raises CompositionError for a bottleneck that gives a point."""
    mean, logvar = autoencoder.posterior(x)
    if logvar is None:
        raise CompositionError(
            f"objective {what} needs a variance, but bottleneck "
            f"{autoencoder.specs['bottleneck'].component} gives a point",
            "Use the bottleneck core/gaussian, or the objective core/ae.",
        )
    return mean, logvar


def squared_mmd(a: Tensor, b: Tensor, scales: Sequence[float]) -> Tensor:
    """The unbiased squared maximum mean discrepancy of a (N, d) and b (N, d); may fall below 0."""
    n, d = a.shape
    if n < 2:
        return (a - b).sum() * 0.0

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squared = (x[:, None] - y[None]).square().sum(2)
        return torch.stack([2 * d * s / (2 * d * s + squared) for s in scales]).sum(0)

    others = 1 - torch.eye(n, dtype=a.dtype, device=a.device)
    within = ((kernel(a, a) + kernel(b, b)) * others).sum() / (n * (n - 1))
    return within - 2 * kernel(a, b).mean()
