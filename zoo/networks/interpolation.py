"""Paths between codes."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["interpolate"]


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Spherical interpolation (Shoemake 1985) between codes (N, d) and (N, d): (N, steps, d), with both ends.

    Codes from a Gaussian prior lie near a sphere, and linear interpolation would leave it. Parallel codes are
    interpolated linearly.
    """
    t = torch.linspace(0, 1, steps)[None, :, None]
    a, b = start[:, None].double(), end[:, None].double()
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)[..., None]
    angle = torch.arccos(cosine)
    on_circle = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    path = torch.where(torch.sin(angle).abs() < 1e-4, (1 - t) * a + t * b, on_circle)
    return path.to(start.dtype)
