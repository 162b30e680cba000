"""A gradient far beyond what Adam remembers, held.

With beta1 = 0 and beta2 = 0.999 one step goes up to sqrt(1 / (1 - beta2)) = 31 learning rates far when a gradient comes
that is large beside those before it. A transferred GAN begins near an equilibrium: gradients are small for long and
Adam forgets larger ones, until one jump of G gives D such a gradient, D's step gives G a larger one, and four steps
later both nets are lost (docs/runs.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["hold_to_memory"]


@torch.no_grad()
def hold_to_memory(adam: torch.optim.Optimizer, weights: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale the gradients down, all by one factor, to at most `limit` times the norm that `adam` remembers: the root of
    its summed second moments, corrected for their start. Gives 1 where it did, else 0, as a scalar on the device.

    Like Adafactor's update clipping (Shazeer and Stern 2018) it measures a step against the second moments; but here
    the gradient is held before they see it, so that an outlier does not slow the steps after it. Nothing is held before
    Adam's first step, nor where all it remembers is 0. It keeps no state of its own.
    """
    held = [weight for weight in weights if weight.grad is not None and weight in adam.state]
    slopes = [weight.grad for weight in held if weight.grad is not None]
    if not slopes:
        return torch.zeros(())
    beta2 = adam.param_groups[0]["betas"][1]
    states = [adam.state[weight] for weight in held]
    sums = torch.stack(torch._foreach_norm([state["exp_avg_sq"] for state in states], 1))  # none is below 0
    steps = torch.stack([state["step"] for state in states]).to(sums)
    remembered = (sums / (1 - beta2**steps)).sum().sqrt()
    factor = limit * remembered / torch.nn.utils.get_total_norm(slopes)
    factor = torch.where(remembered > 0, factor, 1.0).clamp(max=1.0)
    torch._foreach_mul_(slopes, factor)
    return (factor < 1).float()
