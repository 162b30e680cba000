"""What autoencoders minimise. Images are compared in their value range; figures are per value."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import CompositionError
from zoo.networks.autoencoder import Autoencoder
from zoo.objectives.configs import ReconstructionConfig, VariationalConfig
from zoo.protocols import Losses

__all__ = ["MeanSquaredError", "Variational"]


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
            seen = x + spread * torch.randn(x.shape, generator=rng).to(x.device)
        code = autoencoder.posterior(seen).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        total = error + self.code_penalty * 0.5 * code.square().sum(1).mean() if self.code_penalty else error
        return Losses(total, {"mse": error.detach()})


class Variational:
    """The negative evidence lower bound (Kingma and Welling 2014, equation 10), divided by the sample's size d:

        E ||x - Dec(z)||^2 / d + beta KL(q(z|x) || N(0, I)) / d,    z = mean + exp(logvar / 2) e

    Needs a bottleneck with a variance (core/gaussian).
    """

    def __init__(self, config: VariationalConfig) -> None:
        self.beta = config.beta

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws e."""
        mean, logvar = autoencoder.posterior(x)
        if logvar is None:
            raise CompositionError(
                "objective core/vae needs a variance, but bottleneck "
                f"{autoencoder.specs['bottleneck'].component} gives a point",
                "Use the bottleneck core/gaussian, or the objective core/ae.",
            )
        noise = torch.randn(mean.shape, generator=rng).to(mean.device)
        sample = autoencoder.decoder(mean + torch.exp(0.5 * logvar) * noise)
        error = (x - sample).square().mean()
        divergence = 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean()
        total = error + self.beta * divergence / autoencoder.data.size
        return Losses(total, {"mse": error.detach(), "kl": divergence.detach()})
