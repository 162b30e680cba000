"""The discriminator's lower stages stay as they are."""

from __future__ import annotations

import copy

import torch
from torch import nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Slot,
    Source,
    TrainingPhase,
    TransferError,
    TransferPlan,
    TransferStrategy,
)
from zoo_transfer.configs.weights import FreezeLowerConfig

__all__ = ["FreezeLower", "parameters_of_stage"]


class FreezeLower(TransferStrategy):
    """What the first k stages of D depend on does not learn (FreezeD: Mo et al. 2020, "Freeze the discriminator: a
    simple baseline for fine-tuning GANs"), or not before a part of the budget is spent. Useful with `encoder-init`."""

    slots = frozenset({Slot.FREEZE})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: FreezeLowerConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Names of D's parameters, found by differentiating stage k on the meta device."""
        if not self.config.stages:
            return TransferPlan(gan)
        names = parameters_of_stage(gan.discriminator, gan.data, self.config.stages)
        planned = TransferPlan(gan, frozen={"discriminator": names})
        after = self.config.unfreeze_after
        if after < 1.0:
            planned.phases.append(TrainingPhase(after, unfreezes={"discriminator": set(names)}))
            planned.notes.append(f"freeze-lower: {len(names)} tensors learn once {after:.0%} of the budget is spent")
        return planned

    def noop_config(self) -> FreezeLowerConfig:
        """No stage is frozen."""
        return FreezeLowerConfig(stages=0)


def parameters_of_stage(discriminator: nn.Module, data: DataSpec, stages: int) -> set[str]:
    """Every parameter that stage `stages` (1 is the finest) depends on. Raises TransferError when D has fewer
    stages."""
    shadow = copy.deepcopy(discriminator).to("meta").eval().requires_grad_(True)
    seen = shadow.discriminate(torch.empty(2, *data.shape, device="meta")).stages  # type: ignore[operator]
    if stages > len(seen):
        raise TransferError(f"freeze-lower: {stages} stages are to be frozen, D has {len(seen)}", f"Use {len(seen)}.")
    named = dict(shadow.named_parameters())
    slopes = torch.autograd.grad(seen[stages - 1].sum(), list(named.values()), allow_unused=True)
    return {name for name, slope in zip(named, slopes, strict=True) if slope is not None}
