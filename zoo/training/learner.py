"""Weights that learn together: one optimiser, one loss scale, one step of a batch however it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from zoo.training import ranks
from zoo.training.engine import Engine
from zoo.training.holding import hold_to_memory

__all__ = ["Learner"]


class Learner:
    """Adam with the learning rate `rate` and `betas`, fused; `limit` holds gradients to Adam's memory of them
    (`hold_to_memory`), 0 does not. `adam` is None until there are weights."""

    def __init__(self, engine: Engine, rate: float, betas: tuple[float, float], limit: float = 0.0) -> None:
        self.engine = engine
        self.rate = rate
        self.betas = betas
        self.limit = limit
        self.weights: list[nn.Parameter] = []
        self.adam: torch.optim.Adam | None = None
        self.scale = engine.scale()

    def enrol(self, weights: Iterable[nn.Parameter]) -> None:
        """Take on those that are not here yet."""
        held = {id(weight) for weight in self.weights}
        new = [weight for weight in weights if id(weight) not in held]
        self.weights += new
        if new and self.adam is not None:
            self.adam.add_param_group({"params": new})
        elif new:
            self.adam = torch.optim.Adam(new, self.rate, self.betas, fused=True)

    def pace(self, factor: float) -> bool:
        """Multiply the learning rate for the next step; whether anything moves at all."""
        if self.adam is None:
            return False
        for group in self.adam.param_groups:
            group["lr"] = self.rate * factor
        return self.rate * factor > 0

    def step(self, parts: Iterable[tuple[Tensor, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
        """Go backward from the loss of each part of this process's share of a batch, average gradients and scalars over
        parts and processes, and move. Gives the scalars with `gradient`, the norm of all gradients, and, where a limit
        holds them, `held`."""
        assert self.adam is not None
        share = 1 / self.engine.accumulate
        means: dict[str, Tensor] = {}
        for weight in self.weights:
            weight.grad = None
        for loss, scalars in parts:
            # only the weights: a penalty differentiates by images too
            self.scale.scaled(loss * share).backward(inputs=self.weights)
            means = {key: means.get(key, 0) + share * value for key, value in scalars.items()}
        slopes = [weight.grad for weight in self.weights if weight.grad is not None]
        means = ranks.reduce(slopes, means)
        self.scale.unscale(self.adam)
        means["gradient"] = self.scale.seen(torch.nn.utils.get_total_norm(slopes))
        if self.limit:
            means["held"] = hold_to_memory(self.adam, self.weights, self.limit)
        self.scale.step(self.adam)
        return means
