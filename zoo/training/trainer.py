"""What the loop trains: something that takes a step on a batch and whose whole state can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from zoo._utils.seeds import Stream
from zoo.training.devices import Engine

__all__ = ["Trainer", "load_optimiser", "optimiser_state"]


class Trainer(Protocol):
    """`step` shows one batch (rows of the data set; `shown` images came before) and gives scalars that stay on the
    device. `advance` brings a trainee that was just built to where it stands before a step at `shown`.

    `modules` are the nets whose state dicts, with the optimisers and random streams, are the whole state.
    """

    modules: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    streams: dict[str, Stream]
    engine: Engine

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]: ...
    def advance(self, shown: int) -> None: ...
    def preview(self) -> Tensor: ...


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as flat tensors, `<parameter index>.<key>`."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{key}": torch.as_tensor(value) for index, row in state.items() for key, value in row.items()}


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_state` gave; learning rates are not state, the loop sets them."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
