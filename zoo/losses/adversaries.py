"""Autoencoders that are trained against a critic: of their codes, or of their images.

The critic and the autoencoder learn from one backward pass: what the critic sees is turned around, so that its loss
falls for itself and rises for the nets before it (gradient reversal: Ganin and Lempitsky 2015), which is the minimax
game.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo.losses.configs import AdversarialCodesConfig, AdversarialVariationalConfig
from zoo.losses.reconstruction import normal_like, posterior_with_variance
from zoo.losses.types import Losses
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_discriminator

__all__ = ["AdversarialCodes", "AdversarialVariational", "turned"]


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * slopes[0], None


def turned(x: Tensor, strength: float) -> Tensor:
    """x as it is; its gradient times -strength."""
    return _Turned.apply(x, strength)


class AdversarialCodes(nn.Module):
    """E ||x - Dec(Enc(x))||^2 / d, and a critic that tells codes from N(0, I) by cross-entropy, against which the
    encoder plays with `weight` (adversarial autoencoder: Makhzani et al. 2015)."""

    def __init__(self, config: AdversarialCodesConfig) -> None:
        super().__init__()
        self.config = config
        self.critic: nn.Module | None = None

    def prepare(self, autoencoder: Autoencoder) -> None:
        """Build the critic for the autoencoder's codes."""
        d, width = autoencoder.latent_dim, self.config.width
        self.critic = nn.Sequential(
            nn.Linear(d, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws from the prior."""
        assert self.critic is not None, "prepare comes first"
        code = autoencoder.posterior(x).mean
        error = (x - autoencoder.decoder(code)).square().mean()
        wanted = normal_like(code, rng)
        told = softplus(-self.critic(wanted)).mean() + softplus(self.critic(turned(code, self.config.weight))).mean()
        return Losses(error + told, {"mse": error.detach(), "critic": told.detach()})


class AdversarialVariational(nn.Module):
    """The error in the stages of a discriminator that is trained along with it (VAE/GAN: Larsen et al. 2016):

        encoder: mean_l ||D_l(x) - D_l(Dec(z))||^2 / n_l + beta KL / d
        decoder: the same error, against the cross-entropy of D with weight `adversary`
        D: the cross-entropy of x against Dec(z) and Dec(e), e ~ N(0, I)

    D is an encoder of the autoencoder's own kind under a head of one logit. Needs a bottleneck with a variance.
    """

    def __init__(self, config: AdversarialVariationalConfig) -> None:
        super().__init__()
        self.config = config
        self.discriminator: nn.Module | None = None

    def prepare(self, autoencoder: Autoencoder) -> None:
        """Build D for the autoencoder's samples."""
        device = next(autoencoder.parameters()).device.type
        self.discriminator = build_discriminator(autoencoder.specs["encoder"], autoencoder.data, device=device)

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws z and e."""
        assert self.discriminator is not None, "prepare comes first"
        mean, logvar = posterior_with_variance(autoencoder, x, "core/vae-gan")
        noise = normal_like(mean, rng)
        fresh = normal_like(mean, rng)
        again = autoencoder.decoder(mean + torch.exp(0.5 * logvar) * noise)
        # The encoder is not moved by the adversary: only the decoder's weights see the cross-entropy's gradient.
        copied = autoencoder.decoder((mean + torch.exp(0.5 * logvar) * noise).detach())
        drawn = autoencoder.decoder(fresh)
        strength = self.config.adversary
        told = softplus(-self.discriminator.discriminate(x).logits).mean()  # type: ignore[operator]
        for fake in (copied, drawn):
            told = told + 0.5 * softplus(self.discriminator.discriminate(turned(fake, strength)).logits).mean()  # type: ignore[operator]
        distance = self._distance(x, again)
        divergence = 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean()
        total = distance + self.config.beta * divergence / autoencoder.data.size + told
        parts = {"mse": (x - again).square().mean(), "features": distance, "kl": divergence, "critic": told}
        return Losses(total, {name: value.detach() for name, value in parts.items()})

    def _distance(self, x: Tensor, again: Tensor) -> Tensor:
        """D's weights do not learn to make it small: they are held still here."""
        assert self.discriminator is not None
        weights = [weight for weight in self.discriminator.parameters() if weight.requires_grad]
        for weight in weights:
            weight.requires_grad_(False)
        with torch.no_grad():
            wanted = self.discriminator.discriminate(x).stages  # type: ignore[operator]
        seen = self.discriminator.discriminate(again).stages  # type: ignore[operator]
        for weight in weights:
            weight.requires_grad_(True)
        return torch.stack([(a - b).square().mean() for a, b in zip(wanted, seen, strict=True)]).mean()
