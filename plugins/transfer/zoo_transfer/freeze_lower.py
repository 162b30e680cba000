"""The discriminator's first stages are not trained."""

from __future__ import annotations

import copy

import torch
from torch import nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Slot,
    TrainingPhase,
    TransferError,
    TransferPlan,
    TransferStrategy,
)
from zoo_transfer.configs.weights import FreezeLowerConfig

__all__ = ["FreezeLower", "parameters_of_stage"]


class FreezeLower(TransferStrategy):
    """The parameters that D's stage k depends on are frozen (FreezeD: Mo et al. 2020, "Freeze the discriminator: a
    simple baseline for fine-tuning GANs"), for the whole run or for a fraction of it. Combine it with
    `encoder-init`."""

    slots = frozenset({Slot.FREEZE})
    requires = frozenset()

    def __init__(self, config: FreezeLowerConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """No edits: the frozen parameters' names, and the phase in which they are trained."""
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


def parameters_of_stage(discriminator: nn.Module, data: DataSpec, stage: int) -> set[str]:
    """The names of the parameters that D's stage number `stage` depends on; 1 is the finest.

    They are found by differentiating on the meta device. Raises TransferError if D has fewer stages.
    """
    shadow = copy.deepcopy(discriminator).to("meta").eval().requires_grad_(True)
    stages = shadow.discriminate(torch.empty(2, *data.shape, device="meta")).stages  # type: ignore[operator]
    if stage > len(stages):
        raise TransferError(
            f"freeze-lower: {stage} stages are to be frozen, D has {len(stages)}", f"Use {len(stages)}."
        )
    names, weights = zip(*shadow.named_parameters(), strict=True)
    gradients = torch.autograd.grad(stages[stage - 1].sum(), weights, allow_unused=True)
    return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}
