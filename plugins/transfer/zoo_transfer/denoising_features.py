"""Denoising feature matching: the generator's codes are drawn towards likely codes by a denoiser."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    AuxiliaryLoss,
    Side,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
    edit_each,
    memoize,
    seeded,
    stream,
)
from zoo_transfer.configs.losses import DenoisingFeaturesConfig
from zoo_transfer.gan_parts import device_of
from zoo_transfer.teachers import Teacher, build_teacher, teacher_edits

__all__ = ["Denoiser", "DenoisingFeatures", "DenoisingLoss", "fit_denoiser"]


class Denoiser(nn.Module):
    """Standardised codes (N, d) -> denoised codes (N, d): three hidden layers with BatchNorm and ReLU.

    `mean` and `scale` (d,) are the codes' own, for `standardise`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, d: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in ((d, width), (width, width), (width, width)):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(width, d))
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.ones(d))

    def standardise(self, code: Tensor) -> Tensor:
        """(N, d) -> (N, d) with mean 0 and standard deviation 1 in every value."""
        return (code - self.mean) / self.scale

    def forward(self, code: Tensor) -> Tensor:
        """(N, d) standardised -> (N, d)."""
        return self.net(code)


class DenoisingLoss(AuxiliaryLoss):
    """||c - sg r(c)||^2 / d with c = (Enc(G(z)) - mean) / scale; the encoder and the denoiser r are frozen."""

    side = Side.GENERATOR

    def __init__(self, config: DenoisingFeaturesConfig, teacher: Teacher, denoiser: Denoiser) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.denoiser = denoiser

    def train(self, mode: bool = True) -> Self:
        """Keep the denoiser in eval mode."""
        super().train(mode)
        self.denoiser.eval()
        return self

    def weight(self, shown: int) -> float:
        """Constant."""
        return self.config.weight

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        code = self.denoiser.standardise(self.teacher.code(context.fake).flatten(1))
        with torch.no_grad():
            target = self.denoiser(code)
        return (code - target).square().mean()


class DenoisingFeatures(TransferStrategy):
    """L_G += w ||c - sg r(c)||^2 / d, r a denoiser of real codes: r(c) - c points along the gradient of the codes'
    log-density (Warde-Farley and Bengio 2017, "Improving generative adversarial networks with denoising feature
    matching"). The paper denoises features of D, which change during training; here c is the frozen encoder's code, so
    r is trained once, when the transfer is applied."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: DenoisingFeaturesConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss, with a copy of the encoder and a fitted denoiser."""
        teacher = build_teacher(source, gan)
        with seeded(self.config.seed, "denoiser", device_of(gan)), torch.device(device_of(gan)):
            denoiser = Denoiser(source.code_size, self.config.width)
        edits, names = teacher_edits(source, teacher, "losses.denoiser")
        fitted = memoize(lambda context: fit_denoiser(self.config, context.codes().flatten(1)).state_dict())
        tensors = list(denoiser.state_dict())
        edits += edit_each("losses.denoiser", tensors, "fitted", "denoiser of the codes", fitted, "denoiser.")
        names |= {f"denoiser.{tensor}" for tensor in tensors}
        return TransferPlan(
            gan,
            edits,
            losses={"denoiser": DenoisingLoss(self.config, teacher, denoiser)},
            frozen={"losses.denoiser": names},
            required_tensors={"losses.denoiser": set(names)},
        )

    def noop_config(self) -> DenoisingFeaturesConfig:
        """Weight 0."""
        return DenoisingFeaturesConfig(weight=0.0, steps=1, width=1)


def fit_denoiser(config: DenoisingFeaturesConfig, codes: Tensor) -> Denoiser:
    """Train a denoiser of codes (N, d) with Adam on ||c - r(c + noise e)||^2, e ~ N(0, I); it is in eval mode."""
    rng = stream(config.seed, "denoiser/noise")
    with seeded(config.seed, "denoiser"):
        denoiser = Denoiser(codes.shape[1], config.width)
    denoiser.mean.copy_(codes.mean(0))
    denoiser.scale.copy_(codes.std(0, unbiased=False).clamp(min=1e-6))
    standard = denoiser.standardise(codes)
    adam = torch.optim.Adam(denoiser.parameters(), config.learning_rate)
    with torch.enable_grad():
        for _ in range(config.steps):
            clean = standard[torch.randint(len(standard), (config.batch,), generator=rng)]
            noisy = clean + config.noise * torch.randn(clean.shape, generator=rng)
            loss = (clean - denoiser(noisy)).square().mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return denoiser.eval()
