"""The recipe by which VQGAN and the first stages of latent diffusion were trained, without vector quantisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from zoo.plugin import (
    Autoencoder,
    CompositionError,
    ConfigError,
    Discriminator,
    Encoder,
    Losses,
    Posterior,
    as_part,
    build_discriminator,
    build_part,
    normal_like,
    over_groups,
    takes_condition,
    without_grad,
)
from zoo_spatial.adaptive import adaptive_weight, last_weight
from zoo_spatial.config import VqganConfig

__all__ = ["Vqgan", "unit_feature_distance"]


class Vqgan(nn.Module):
    """With y = Dec(z), z = mean + exp(logvar / 2) e, or the mean of a bottleneck without a variance:

        R = absolute |x - y| + squared (x - y)^2 + perceptual P(x, y),   means over values
        autoencoder: R + beta KL / d - adversary lambda D(y),   lambda = |dR / dw| / (|dD(y) / dw| + 1e-4)
        D: [1 - D(x)]+ + [1 + D(y)]+

    D, and the term with it, begin after `start` images; w is the decoder's last weight (`adaptive_weight`), P is
    `unit_feature_distance` in the stages of a frozen encoder. One optimizer trains all: no network gets the other's
    gradient. Sources: Esser et al. 2021, "Taming transformers for high-resolution image synthesis"; Rombach et al.
    2022, "High-resolution image synthesis with latent diffusion models", appendix G.
    """

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: Encoder | None = None
        self.discriminator: Discriminator | None = None
        self.last = ""

    def prepare(self, autoencoder: Autoencoder, images: int) -> None:
        """Build the frozen encoder and D for the autoencoder's samples. Raises ConfigError if D begins after the run's
        end, CompositionError if a net does not take the samples."""
        config, data, device = self.config, autoencoder.data, next(autoencoder.parameters()).device.type
        if config.encoder is not None and config.perceptual:
            encoder: Encoder = build_part("encoder", as_part(config.encoder), "perceptual", data, device=device)
            self.encoder = encoder.eval().requires_grad_(False)
        if not config.adversary:
            return
        if config.start >= images:
            raise ConfigError(
                f"the discriminator of spatial/vqgan begins after {config.start:,} images, and the run has {images:,}",
                f"Let it begin earlier, or switch it off: --set objective.start={images // 4}, "
                "--set objective.adversary=0",
            )
        spec = as_part(config.discriminator)
        self.discriminator = build_discriminator(spec, data, device=device)
        if takes_condition(self.discriminator):
            raise CompositionError(
                f"the discriminator {spec.component} takes a class or attributes of each sample, and "
                "spatial/vqgan has none",
                "Use spatial/patch.",
            )
        self.last = last_weight(autoencoder.decoder)

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, *data.shape) -> the loss; `rng` draws e."""
        config = self.config
        posterior = autoencoder.posterior(x)
        y = autoencoder.decoder(_code(posterior, rng))
        squared = (x - y).square().mean()
        reconstruction = config.absolute * (x - y).abs().mean() + config.squared * squared
        parts = {"mse": squared}
        if self.encoder is not None:
            with torch.no_grad():
                target = self.encoder.features(x).stages
            parts["features"] = unit_feature_distance(target, self.encoder.features(y).stages)
            reconstruction = reconstruction + config.perceptual * parts["features"]
        total = reconstruction
        if posterior.logvar is not None:
            parts["kl"] = _divergence(posterior.mean, posterior.logvar)
            total = total + config.beta * parts["kl"] / autoencoder.data.size
        if self.discriminator is not None and shown >= config.start:
            with without_grad(self.discriminator.parameters()):
                adversary = over_groups(-_logits(self.discriminator, y), self.discriminator.logit_groups)
            weight = adaptive_weight(reconstruction, adversary, autoencoder.decoder.get_parameter(self.last))
            parts |= {"adversary": adversary, "adaptive": weight, "critic": _hinge(self.discriminator, x, y.detach())}
            total = total + config.adversary * weight * adversary + parts["critic"]
        return Losses(total, {name: value.detach() for name, value in parts.items()})


def unit_feature_distance(target: Sequence[Tensor], stages: Sequence[Tensor]) -> Tensor:
    """The squared distance of feature vectors of length 1, averaged over places and images, then over stages; a scalar
    within 0 to 4. Stages are (N, C, ...), a vector has C values (Zhang et al. 2018, "The unreasonable effectiveness of
    deep features as a perceptual metric", without its fitted weights of channels)."""
    pairs = zip(target, stages, strict=True)
    distances = [(normalize(a.float(), dim=1) - normalize(b.float(), dim=1)).square().sum(1).mean() for a, b in pairs]
    return torch.stack(distances).mean()


def _code(posterior: Posterior, rng: torch.Generator) -> Tensor:
    mean, logvar = posterior
    return mean if logvar is None else mean + torch.exp(0.5 * logvar) * normal_like(mean, rng)


def _divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z|x) || N(0, I)), averaged over images."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).flatten(1).sum(1).mean()


def _logits(discriminator: Discriminator, x: Tensor) -> Tensor:
    return discriminator.discriminate(x).logits.float()


def _hinge(discriminator: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    losses = relu(1 - _logits(discriminator, real)) + relu(1 + _logits(discriminator, fake))
    return over_groups(losses, discriminator.logit_groups)
