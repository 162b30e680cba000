"""A Gaussian for each class."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.plugin import CompositionError, Noise, Prior, per_sample
from zoo_classes.config import PriorConfig

__all__ = ["PerClassPrior"]


class PerClassPrior(Prior):
    """z = mean + scale e with e ~ N(0, I), `mean` and `scale` of the class; N(0, I) until they are fitted."""

    conditional = True
    means: Tensor
    scales: Tensor

    def __init__(self, config: PriorConfig, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        d = math.prod(code_shape)
        self.register_buffer("means", torch.zeros(config.classes, d))
        self.register_buffer("scales", torch.eye(d).repeat(config.classes, 1, 1))

    def sample(self, n: int, rng: torch.Generator | None = None, condition: Tensor | None = None) -> Tensor:
        """n codes (n, *code_shape) of the classes `condition` (n,), drawn on the CPU."""
        if condition is None or condition.max() >= len(self.means):
            raise CompositionError(
                f"prior classes/per-class is asked for a class that it does not have: it has {len(self.means)}",
                "Set `classes` to the number of classes of the images.",
            )
        noise = per_sample(lambda m: torch.randn(m, self.means.shape[1], 1, generator=rng), n, rng)
        scaled = (self.scales.cpu()[condition] @ noise).squeeze(2)
        return (self.means.cpu()[condition] + scaled).view(n, *self.code_shape)

    def noise(self, n: int, rng: torch.Generator | None = None, condition: Tensor | None = None) -> Noise:
        """e: a normal number for each value of a code, whatever the class."""
        normal = per_sample(lambda m: torch.randn(m, self.means.shape[1], generator=rng), n, rng)
        return Noise(normal, torch.empty(n, 0))

    def from_noise(self, noise: Noise, condition: Tensor | None = None) -> Tensor:
        """The codes of this noise and these classes (n,): what an exported graph computes."""
        scaled = (self.scales[condition] @ noise.normal.unsqueeze(2)).squeeze(2)
        return (self.means[condition] + scaled).reshape(-1, *self.code_shape)
