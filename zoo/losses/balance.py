"""A weight for an auxiliary loss that keeps its gradient proportional to the main loss's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo._utils import distributed

__all__ = ["GradientBalance"]

_MOMENTUM = 0.9
_EVERY = 16


class GradientBalance(nn.Module):
    """A factor for an auxiliary loss: its gradient's norm becomes `share` times that of the side's adversarial loss.

    At every 16th step, from the first, the trainer measures both gradient norms over the side's weights, before the
    loss's own weight. That takes two more backward passes and no synchronisation with the device. The factor is `share`
    times the ratio of their moving averages over about ten measurements (their start at 0 cancels), and 1 until both
    are above 0. The averages are buffers, so that a resumed run continues exactly.

    It is like the adaptive weight of VQGAN (Esser et al. 2021, "Taming transformers for high-resolution image
    synthesis"), but over all weights instead of the last layer's, and averaged. Every micro-batch is measured; the
    norms are averaged over processes.
    """

    norms: Tensor

    def __init__(self, share: float, every: int = _EVERY) -> None:
        super().__init__()
        self.share = share
        self.every = every
        self.register_buffer("norms", torch.zeros(2))

    def due(self, step: int) -> bool:
        """Whether the norms are measured in step number `step` (from 0)."""
        return step % self.every == 0

    @torch.no_grad()
    def update(self, main: Tensor, auxiliary: Tensor) -> None:
        """Update the averages with the norms of both gradients, scalars on the device."""
        norms = torch.stack([main, auxiliary]).float()
        self.norms.lerp_(distributed.all_reduce_mean(norms).to(self.norms), 1 - _MOMENTUM)

    @property
    def factor(self) -> Tensor:
        """The factor, a scalar on the device."""
        main, auxiliary = self.norms.unbind()
        return torch.where((main > 0) & (auxiliary > 0), self.share * main / auxiliary, 1.0)
