"""How often to augment, by how much the discriminator overfits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["AdaptiveProbability"]


class AdaptiveProbability(nn.Module):
    """p in [0, 1]: raised while r_t = E sign(D(x)) on (augmented) real images is above `target`, lowered while below.

    Every four steps it moves by the images that they showed over `images`: from 0 to 1 in `images` at the least (ADA:
    Karras et al. 2020, "Training generative adversarial networks with limited data"; their target is 0.6, and their
    code takes 500,000 images, 100,000 when it starts from trained nets). p is a buffer.
    """

    figure = "d_sign"
    every = 4
    p: Tensor

    def __init__(self, target: float, images: int) -> None:
        super().__init__()
        self.target = target
        self.images = images
        self.register_buffer("p", torch.zeros((), dtype=torch.float64, device="cpu"))  # read at every step

    def wants(self, shown: int) -> bool:
        """Always."""
        return True

    def follow(self, value: float, shown: int, images: int) -> None:
        """`value`: r_t over the last `images`, -1 to 1."""
        step = images / self.images
        self.p.add_(step if value > self.target else -step if value < self.target else 0.0).clamp_(0.0, 1.0)
