"""Penalties on the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.objectives.configs import R1Config
from zoo.protocols import Round

__all__ = ["R1"]


class R1:
    """gamma/2 E ||grad_x D(x)||^2 on real samples (Mescheder et al. 2018, equation 9).

    Computed every `interval` steps; the loop weighs it `interval` times then (lazy regularisation, Karras et al. 2020).
    With several logits their sum is differentiated.
    """

    inputs = frozenset({"real"})

    def __init__(self, config: R1Config) -> None:
        self.gamma = config.gamma
        self.interval = config.interval

    def penalty(self, game: Round) -> Tensor:
        """Scalar. `game.real` carries gradients and its judgement was computed from it."""
        assert game.real_judgement is not None, "the loop judges the real batch for D"
        (gradient,) = torch.autograd.grad(game.real_judgement.realness.sum(), game.real, create_graph=True)
        return 0.5 * self.gamma * gradient.square().flatten(1).sum(1).mean()
