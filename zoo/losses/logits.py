"""Reduce a loss per logit to a scalar."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["over_groups"]


def over_groups(losses: Tensor, groups: tuple[int, ...]) -> Tensor:
    """losses (N, k) -> scalar: the mean over each group of logits, summed over the groups."""
    return torch.stack([group.mean() for group in losses.split(list(groups), dim=1)]).sum()
