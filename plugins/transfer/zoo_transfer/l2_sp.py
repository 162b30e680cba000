"""L2-SP: the squared distance of the weights from their values at the start of training is penalised."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    AuxiliaryLoss,
    Edit,
    Side,
    Slot,
    StepContext,
    TransferPlan,
    TransferStrategy,
)
from zoo_transfer.configs.weights import L2SPConfig

__all__ = ["L2SP", "WeightPenalty", "buffer_name", "start_edits"]


class WeightPenalty(AuxiliaryLoss):
    """sum_i F_i (theta_i - start_i)^2 over the parameters of `net`; `start` and F are buffers, F is 1 without `fisher`.

    The net is not registered as a child: its parameters must not be saved with the loss.
    """

    needs_images = False

    def __init__(self, net: nn.Module, side: Side, strength: float, *, fisher: bool = False) -> None:
        super().__init__()
        self.side = side
        self.strength = strength
        self.fisher = fisher
        self._net = (net,)
        for name, weight in net.named_parameters():
            self.register_buffer(buffer_name("start", name), torch.zeros_like(weight.detach()))
            if fisher:
                self.register_buffer(buffer_name("fisher", name), torch.zeros_like(weight.detach()))

    def weight(self, shown: int) -> float:
        """Constant."""
        return self.strength

    def forward(self, context: StepContext) -> Tensor:
        """Scalar; 0 before the first step."""
        total = context.fake.new_zeros(())
        for name, weight in self._net[0].named_parameters():
            distance = (weight - getattr(self, buffer_name("start", name))).square()
            total = total + ((getattr(self, buffer_name("fisher", name)) * distance) if self.fisher else distance).sum()
        return total


class L2SP(TransferStrategy):
    """L += w sum_i (theta_i - theta_start,i)^2, for G, for D or for both (L2-SP: Li, Grandvalet and Davoine
    2018, "Explicit inductive bias for transfer learning with convolutional networks")."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset()

    def __init__(self, config: L2SPConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss for each side whose weight is above 0. The start is read after all other weights were
        transferred."""
        planned = TransferPlan(gan)
        for side, strength in (
            (Side.GENERATOR, self.config.generator),
            (Side.DISCRIMINATOR, self.config.discriminator),
        ):
            if strength:
                net = gan.parts[side.value]
                planned.losses[side.value] = WeightPenalty(net, side, strength)
                planned.edits += start_edits(net, side.value)
                planned.required_tensors[f"losses.{side.value}"] = set(planned.losses[side.value].state_dict())
        return planned

    def noop_config(self) -> L2SPConfig:
        """Weights 0."""
        return L2SPConfig(generator=0.0, discriminator=0.0)


def start_edits(net: nn.Module, role: str) -> list[Edit]:
    """The edits that copy the parameters of `net` into the `start` buffers of the loss `losses.<role>`."""

    def value_of(name: str) -> Callable[[ApplyContext], Tensor]:
        return lambda context: context.nets[role].state_dict()[name].clone()

    names = [name for name, _ in net.named_parameters()]
    return [
        Edit(f"losses.{role}", buffer_name("start", name), "copied", f"{role}.{name}", value_of(name)) for name in names
    ]


def buffer_name(kind: str, name: str) -> str:
    """The buffer `start` or `fisher` of a parameter; a buffer's name may not contain dots."""
    return f"{kind}/{name.replace('.', '/')}"
