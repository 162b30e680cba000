"""The generator keeps reconstructing what the autoencoder could."""

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
from zoo_transfer.kept_prior import require_same_latent
from zoo_transfer.teachers import Teacher, parts_of, teacher_of

__all__ = ["Anchor", "ReconAnchor"]


class Anchor(AuxiliaryLoss):
    """mean_l ||phi_l(x) - phi_l(G(Enc x))||^2 / n_l + pixels |x - G(Enc x)| / n, phi the frozen encoder's stages."""

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
            target, code = self.teacher.look(context.real)
        again = context.generate(context.latent(code))
        seen = self.teacher.features(again)
        distances = [(a - b).square().mean() for a, b in zip(target.stages, seen.stages, strict=True)]
        return torch.stack(distances).mean() + self.config.pixels * (context.real - again).abs().mean()


class ReconAnchor(TransferStrategy):
    """L_G += w(t) [ ||phi(x) - phi(G(Enc x))||^2 + .1 ||x - G(Enc x)||_1 ], w falling to 0: modes that the autoencoder
    knew are not dropped while the GAN finds its feet (MDGAN: Che et al. 2017; AE-OT-GAN: An et al. 2020).

    Codes are computed anew from each batch: phi(x) needs that pass anyway, so a cache would save the bottleneck's one
    matrix product.
    """

    slots = frozenset({Slot.LOSS})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK})

    def __init__(self, config: ReconAnchorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One term with a teacher of its own."""
        require_same_latent(source, gan, "recon-anchor")
        teacher = teacher_of(source, gan)
        edits, names = parts_of(source, teacher, "losses.anchor")
        return TransferPlan(
            gan,
            edits,
            losses={"anchor": Anchor(self.config, teacher)},
            frozen={"losses.anchor": names},
            required_tensors={"losses.anchor": set(names)},
        )

    def noop_config(self) -> ReconAnchorConfig:
        """Weight 0."""
        return ReconAnchorConfig(weight=0.0)
