"""The generator is trained to reconstruct real images from the encoder's codes, with a weight that fades."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    Autoencoder,
    AuxiliaryLoss,
    GradientBalance,
    Side,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
)
from zoo_transfer.configs.losses import ReconAnchorConfig
from zoo_transfer.gan_parts import require_same_latent
from zoo_transfer.teachers import Teacher, build_teacher, teacher_edits

__all__ = ["ReconAnchor", "ReconstructionLoss"]


class ReconstructionLoss(AuxiliaryLoss):
    """mean_l ||phi_l(x) - phi_l(G(Enc x))||^2 / n_l + pixels |x - G(Enc x)| / n, phi the frozen encoder's
    stages."""

    side = Side.GENERATOR

    def __init__(self, config: ReconAnchorConfig, teacher: Teacher) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.balance = GradientBalance(config.balance) if config.balance else None

    def weight(self, shown: int) -> float:
        """A cosine from `weight` to 0."""
        done = min(1.0, shown / self.config.images)
        return self.config.weight * 0.5 * (1.0 + math.cos(math.pi * done)) if done < 1.0 else 0.0

    def forward(self, context: StepContext) -> Tensor:
        """Scalar; 0 when G(Enc x) = x."""
        with torch.no_grad():
            target, code = self.teacher.features_and_code(context.real)
        reconstruction = context.generate(context.latent(code))
        features = self.teacher.features(reconstruction)
        distances = [(a - b).square().mean() for a, b in zip(target.stages, features.stages, strict=True)]
        return torch.stack(distances).mean() + self.config.pixels * (context.real - reconstruction).abs().mean()


class ReconAnchor(TransferStrategy):
    """L_G += w(t) [ ||phi(x) - phi(G(Enc x))||^2 + .1 ||x - G(Enc x)||_1 ], w falling to 0: early in training this
    keeps modes that the autoencoder reconstructs (MDGAN: Che et al. 2017, "Mode regularized generative adversarial
    networks"; AE-OT-GAN: An et al. 2020)."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK})

    def __init__(self, config: ReconAnchorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss, with a copy of the encoder."""
        require_same_latent(source, gan, "recon-anchor")
        teacher = build_teacher(source, gan)
        edits, names = teacher_edits(source, teacher, "losses.anchor")
        return TransferPlan(
            gan,
            edits,
            losses={"anchor": ReconstructionLoss(self.config, teacher)},
            frozen={"losses.anchor": names},
            required_tensors={"losses.anchor": set(names)},
        )

    def noop_config(self) -> ReconAnchorConfig:
        """Weight 0."""
        return ReconAnchorConfig(weight=0.0)
