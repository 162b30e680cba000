"""An added loss whose gradient is kept in proportion to that of the loss that it is added to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from zoo.training import ranks

__all__ = ["Balance", "slope"]

_KEEP = 0.9
_EVERY = 16


class Balance(nn.Module):
    """What a term is multiplied by so that its gradient's norm is `share` of the side's own loss's.

    A `Term` that has one as its `balance` is measured by the loop at every 16th step, the first one too, before its own
    weight: two more backward passes there, and nothing is read from the device. Both norms, over the side's weights, go
    into moving averages of the last ten measurements or so; the factor is `share` times their ratio (in which the
    averages' start at 0 cancels), and 1 until both are above 0. They are buffers, so a resumed run goes on exactly.

    Like the adaptive weight of VQGAN (Esser et al. 2021, "Taming transformers for high-resolution image synthesis"),
    but over all weights instead of the last layer's, and averaged. With a batch cut into parts every part is measured;
    with several processes their mean counts.
    """

    norms: Tensor

    def __init__(self, share: float, every: int = _EVERY) -> None:
        super().__init__()
        self.share = share
        self.every = every
        self.register_buffer("norms", torch.zeros(2))

    def due(self, step: int) -> bool:
        """Whether the step number `step`, from 0, is measured."""
        return step % self.every == 0

    @torch.no_grad()
    def follow(self, main: Tensor, own: Tensor) -> None:
        """Take the norms of two gradients, scalars on the device: the side's own loss's, and the term's."""
        self.norms.lerp_(ranks.averaged(torch.stack([main, own]).float()).to(self.norms), 1 - _KEEP)

    @property
    def factor(self) -> Tensor:
        """Scalar."""
        main, own = self.norms.unbind()
        return torch.where((main > 0) & (own > 0), self.share * main / own, 1.0)


def slope(loss: Tensor, weights: Sequence[nn.Parameter]) -> Tensor:
    """The norm of the loss's gradient by the weights; the graph stays. 0 where the loss does not depend on them."""
    if not loss.requires_grad:
        return loss.new_zeros(())
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    parts = [part for part in cast(Sequence[Tensor | None], found) if part is not None]
    return torch.nn.utils.get_total_norm(parts) if parts else loss.new_zeros(())
