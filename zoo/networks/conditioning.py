"""Conditions of networks: which networks take one, and the condition of samples that are asked for by class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator as Rng, Tensor, nn

from zoo._utils.seeds import per_sample
from zoo.errors import CompositionError, ConfigError, near
from zoo.types import Condition

__all__ = ["condition_arguments", "conditions_of", "draw_conditions", "takes_condition"]


def takes_condition(module: nn.Module) -> bool:
    """Whether a generator, discriminator or prior takes a condition: its attribute `conditional`, false if absent."""
    return bool(getattr(module, "conditional", False))


def condition_arguments(module: nn.Module, condition: Tensor | None) -> tuple[Tensor, ...]:
    """What to pass to `module` after its other arguments: the condition if it takes one, else nothing.

    Raises CompositionError if it takes one and there is none.
    """
    if not takes_condition(module):
        return ()
    if condition is None:
        raise CompositionError(
            f"{type(module).__name__} takes a class or attributes of each sample, and none are given",
            "Train it on labelled images, and say which classes to draw: gan.sample(16, classes=...).",
        )
    return (condition,)


def draw_conditions(condition: Condition, n: int, rng: Rng) -> Tensor:
    """n conditions, on the CPU: classes int64 (n,) in the training images' shares, or attributes float32 (n, k), each
    drawn by itself from the training images' quantiles. Raises ConfigError for attributes without them."""
    if condition.quantiles:
        values = torch.tensor(condition.quantiles)
        rows = per_sample(lambda m: torch.randint(values.shape[1], (m, condition.width), generator=rng), n, rng)
        return values.gather(1, rows.T).T
    if not condition.classes:
        raise ConfigError(
            f"samples with the attributes {', '.join(condition.attributes[:5])} are asked for by values",
            "Give a value for each: gan.sample(16, classes=tensor of shape (16, attributes)).",
        )
    shares = torch.tensor(condition.shares or [1.0] * condition.width, dtype=torch.float64)
    return per_sample(lambda m: torch.multinomial(shares, m, replacement=True, generator=rng), n, rng)


def conditions_of(condition: Condition | None, asked: str | Sequence[str] | Tensor, n: int) -> Tensor:
    """The conditions of n samples: of one class, of n classes, or as a tensor, `(n,)` or `(n, attributes)`.

    Raises ConfigError for an unknown class, for another number of them, and if there is no condition to ask for.
    """
    if condition is None:
        raise ConfigError("this GAN was not trained with classes", "Leave `classes` out.")
    if isinstance(asked, Tensor):
        shape = (n,) if condition.classes else (n, condition.width)
        if tuple(asked.shape) != shape:
            raise ConfigError(f"conditions have the shape {list(asked.shape)}, not {list(shape)}")
        return asked.to(torch.int64 if condition.classes else torch.float32)
    names = [asked] * n if isinstance(asked, str) else list(asked)
    if len(names) != n:
        raise ConfigError(f"{len(names)} classes are given for {n} samples", "Give one for all, or one for each.")
    numbers = {name: number for number, name in enumerate(condition.classes)}
    for name in names:
        if name not in numbers:
            raise ConfigError(f"there is no class {name!r}", near(name, condition.classes))
    return torch.tensor([numbers[name] for name in names], dtype=torch.int64)
