"""A control for strategies that copy weights: the same values in another order."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.plugin import GAN, ApplyContext, Autoencoder, Edit, Slot, TransferPlan, TransferStrategy, stream
from zoo_transfer.configs.controls import ShuffledInitConfig

__all__ = ["ShuffledInit"]


class ShuffledInit(TransferStrategy):
    """theta := a random permutation of theta within each tensor of the autoencoder, for the strategies that come after
    it. This keeps the weights' scale and destroys the features. Buffers stay as they are."""

    slots = frozenset({Slot.SOURCE})
    requires = frozenset()

    def __init__(self, config: ShuffledInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of a copy of the source; none of the GAN."""
        edits = [
            Edit(f"source.{role}", name, "adapted", "shuffled", self._shuffled(role, name))
            for role, part in source.parts.items()
            for name, _ in part.named_parameters()
        ]
        note = (
            "control: every weight of the autoencoder was moved to another place in its tensor before anything was read"
        )
        return TransferPlan(gan, edits, notes=[note])

    def noop_config(self) -> ShuffledInitConfig:
        """Alone it is scratch, as nothing reads the source."""
        return self.config

    def _shuffled(self, role: str, name: str) -> Callable[[ApplyContext], Tensor]:
        def value(context: ApplyContext) -> Tensor:
            weight = context.nets[f"source.{role}"].state_dict()[name]
            order = torch.randperm(weight.numel(), generator=stream(self.config.seed, f"shuffled/{role}.{name}"))
            return weight.flatten()[order.to(weight.device)].view_as(weight)

        return value
