"""A weight for an auxiliary loss that keeps its gradient in proportion to the main loss's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo._utils import distributed

__all__ = ["GradientBalance"]

_MOMENTUM = 0.9
_EVERY = 16


class GradientBalance(nn.Module):
    """The factor of an auxiliary loss with which its gradient's norm is `share` times that of the side's own loss.

    The trainer measures both norms, over the side's weights and before the loss's own weight, at every 16th step from
    the first: two more backward passes there, and nothing is read from the device. They go into moving averages of
    about ten measurements; the factor is `share` times their ratio (the averages' start at 0 cancels), and 1 until both
    are above 0. They are buffers, so that a resumed run continues exactly.

    Like the adaptive weight of VQGAN (Esser et al. 2021, "Taming transformers for high-resolution image synthesis"),
    but over all weights instead of the last layer's, and averaged. Every micro-batch is measured; with several
    processes their mean counts.
    """

    norms: Tensor

    def __init__(self, share: float, every: int = _EVERY) -> None:
        super().__init__()
        self.share = share
        self.every = every
        self.register_buffer("norms", torch.zeros(2))

    def due(self, step: int) -> bool:
        """Whether the norms are measured at step number `step`, from 0."""
        return step % self.every == 0

    @torch.no_grad()
    def update(self, main: Tensor, auxiliary: Tensor) -> None:
        """Average in the norms of two gradients, scalars on the device."""
        norms = torch.stack([main, auxiliary]).float()
        self.norms.lerp_(distributed.all_reduce_mean(norms).to(self.norms), 1 - _MOMENTUM)

    @property
    def factor(self) -> Tensor:
        """A scalar."""
        main, auxiliary = self.norms.unbind()
        return torch.where((main > 0) & (auxiliary > 0), self.share * main / auxiliary, 1.0)
