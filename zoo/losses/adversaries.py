"""Objectives with a critic of the autoencoder's codes or images.

The critic and the autoencoder are trained by one backward pass: the gradient is reversed at the critic's input, so that
the critic minimises its loss and the nets before it maximise it (gradient reversal: Ganin and Lempitsky 2015).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo.losses.configs import AdversarialCodesConfig, AdversarialVariationalConfig
from zoo.losses.reconstruction import feature_distance, normal_like, posterior_with_variance
from zoo.losses.types import Losses
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_discriminator
from zoo.networks.types import Discriminator
from zoo.networks.utils import without_grad

__all__ = ["AdversarialCodes", "AdversarialVariational", "reverse_gradient"]


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """x unchanged; in the backward pass its gradient is multiplied by -strength."""
    return _ReverseGradient.apply(x, strength)


class AdversarialCodes(nn.Module):
    """E ||x - Dec(Enc(x))||^2 / d, and the cross-entropy of a critic that separates codes from N(0, I), which the
    encoder maximises with `weight` (adversarial autoencoder: Makhzani et al. 2015)."""

    def __init__(self, config: AdversarialCodesConfig) -> None:
        super().__init__()
        self.config = config
        self.critic: nn.Module | None = None

    def prepare(self, autoencoder: Autoencoder, images: int) -> None:
        """Build the critic for the autoencoder's codes."""
        d, width = autoencoder.code_size, self.config.width
        self.critic = nn.Sequential(
            nn.Linear(d, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws from the prior."""
        assert self.critic is not None, "prepare comes first"
        code = autoencoder.posterior(x).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        real, fake = normal_like(code, rng), reverse_gradient(code, self.config.weight)
        critic_loss = softplus(-self.critic(real)).mean() + softplus(self.critic(fake)).mean()
        return Losses(error + critic_loss, {"mse": error.detach(), "critic": critic_loss.detach()})


class AdversarialVariational(nn.Module):
    """The error in the feature stages of a discriminator that is trained too (VAE/GAN: Larsen et al. 2016):

        encoder: mean_l ||D_l(x) - D_l(Dec(z))||^2 / n_l + beta KL / d
        decoder: the same error, against the cross-entropy of D with weight `adversary`
        D: the cross-entropy of x against Dec(z) and Dec(e), e ~ N(0, I)

    D is built from the autoencoder's encoder component, with a head of one logit. Needs a bottleneck with a variance.
    """

    def __init__(self, config: AdversarialVariationalConfig) -> None:
        super().__init__()
        self.config = config
        self.discriminator: Discriminator | None = None

    def prepare(self, autoencoder: Autoencoder, images: int) -> None:
        """Build D for the autoencoder's samples."""
        device = next(autoencoder.parameters()).device.type
        self.discriminator = build_discriminator(autoencoder.specs["encoder"], autoencoder.data, device=device)

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws z and e."""
        assert self.discriminator is not None, "prepare comes first"
        mean, logvar = posterior_with_variance(autoencoder, x, "core/vae-gan")
        noise = normal_like(mean, rng)
        prior_code = normal_like(mean, rng)
        code = mean + torch.exp(0.5 * logvar) * noise
        reconstruction = autoencoder.decoder(code)
        # the adversary trains the decoder only: without detach the cross-entropy's gradient would reach the encoder
        fakes = (autoencoder.decoder(code.detach()), autoencoder.decoder(prior_code))
        critic_loss = softplus(-self.discriminator.discriminate(x).logits).mean()
        for fake in fakes:
            logits = self.discriminator.discriminate(reverse_gradient(fake, self.config.adversary)).logits
            critic_loss = critic_loss + 0.5 * softplus(logits).mean()
        distance = self._distance(x, reconstruction)
        divergence = 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean()
        total = distance + self.config.beta * divergence / autoencoder.data.size + critic_loss
        mse = (x - reconstruction).square().mean()
        parts = {"mse": mse, "features": distance, "kl": divergence, "critic": critic_loss}
        return Losses(total, {name: value.detach() for name, value in parts.items()})

    def _distance(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """The feature distance. D must not learn to reduce it: its weights get no gradient here."""
        assert self.discriminator is not None
        with torch.no_grad():
            target = self.discriminator.discriminate(x).stages
        with without_grad(self.discriminator.parameters()):
            stages = self.discriminator.discriminate(reconstruction).stages
        return feature_distance(target, stages)
