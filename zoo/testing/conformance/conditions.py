"""The conditions that conditional networks and priors get in the checks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.errors import CompositionError
from zoo.networks.conditioning import takes_condition
from zoo.types import Condition, DataSpec

__all__ = ["condition_arguments", "numbered_conditions", "numbers_of", "require_labels"]


def require_labels(module: nn.Module, data: DataSpec | None, what: str) -> None:
    """Raises CompositionError if the component takes a condition and the case's data has none."""
    if takes_condition(module) and (data is None or data.condition is None):
        raise CompositionError(f"{what} takes a condition, and the case has no data with labels")


def condition_arguments(module: nn.Module, data: DataSpec | None, numbers: Tensor) -> tuple[Tensor, ...]:
    """What the component gets after its other arguments: the conditions with these numbers (N,) if it takes one, else
    nothing."""
    require_labels(module, data, type(module).__name__)
    if not takes_condition(module) or data is None or data.condition is None:
        return ()
    return (numbered_conditions(data.condition, numbers),)


def numbers_of(x: Tensor) -> Tensor:
    """A number (N,) for each input (N, ...), from its first value alone: it is the same in any batch."""
    return (x.detach().flatten(1)[:, 0].abs() * 1000).long()


def numbered_conditions(condition: Condition, numbers: Tensor) -> Tensor:
    """The conditions with these numbers (N,): classes in turn, or every combination of the first attributes."""
    if condition.classes:
        return numbers % condition.width
    places = torch.arange(condition.width, device=numbers.device)
    return (numbers[:, None] // 2 ** (places % 10) % 2).float()
