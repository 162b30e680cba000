"""A discriminator that names the class of what it sees: a loss of its own, and one of the generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.plugin import (
    GAN,
    Autoencoder,
    AuxiliaryLoss,
    CompositionError,
    Side,
    Slot,
    StepContext,
    TransferPlan,
    TransferStrategy,
    seeded,
    takes_condition,
)
from zoo_transfer.class_embedding import require_condition
from zoo_transfer.class_projection import last_channels, seen_in
from zoo_transfer.configs.classes import ClassAuxiliaryConfig
from zoo_transfer.gan_parts import device_of

__all__ = ["ClassAuxiliary", "NamedByD", "NamedForG"]


class NamedByD(AuxiliaryLoss):
    """w [ CE(C(phi(x)), y) + CE(C(phi(G(z, y))), y) ] / 2: C, a linear layer on D's last stage, and D learn to name
    classes; for attributes the squared error in place of the cross-entropy CE."""

    side = Side.DISCRIMINATOR
    needs_real = True

    def __init__(self, weight: float, head: nn.Linear) -> None:
        super().__init__()
        self.factor = weight
        self.head = head

    def weight(self, shown: int) -> float:
        """The same all the time."""
        return self.factor

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert context.real_output is not None, "it asks for the real batch"
        outputs = (context.real_output, context.fake_output)
        return 0.5 * sum((_error(self.head, output.stages, context) for output in outputs), torch.zeros(()))


class NamedForG(AuxiliaryLoss):
    """w CE(C(phi(G(z, y))), y): G makes what C names as it was asked for."""

    side = Side.GENERATOR

    def __init__(self, weight: float, head: nn.Linear) -> None:
        super().__init__()
        self.factor = weight
        self._head = (head,)  # not a child: D's loss trains it

    def weight(self, shown: int) -> float:
        """The same all the time."""
        return self.factor

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        return _error(self._head[0], context.fake_output.stages, context)


class ClassAuxiliary(TransferStrategy):
    """D names the class of real and generated samples, and G is to make samples that it names right (AC-GAN: Odena et
    al. 2017, "Conditional image synthesis with auxiliary classifier GANs"). The generator or the prior must take the
    class."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset()

    def __init__(self, config: ClassAuxiliaryConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Two losses; no edits."""
        condition = require_condition(gan.data, "class-auxiliary")
        if not any(takes_condition(part) for part in (gan.generator, gan.prior)):
            raise CompositionError(
                "class-auxiliary trains a generator that takes a class, or has a prior that does; this one has neither",
                "Add class-embedding, class-normalisation or class-prior.",
            )
        channels = last_channels(gan.specs["discriminator"], gan.data, "class-auxiliary")
        device = device_of(gan)
        with seeded(0, "class-auxiliary", device), torch.device(device):
            head = nn.Linear(channels, condition.width)
        by_d, for_g = NamedByD(self.config.discriminator, head), NamedForG(self.config.generator, head)
        return TransferPlan(gan, losses={"discriminator": by_d, "generator": for_g})

    def noop_config(self) -> ClassAuxiliaryConfig:
        """Weights 0."""
        return ClassAuxiliaryConfig(generator=0.0, discriminator=0.0)


def _error(head: nn.Linear, stages: tuple[Tensor, ...], context: StepContext) -> Tensor:
    condition = context.condition
    assert condition is not None, "the generator or the prior takes one"
    named = head(seen_in(stages).float())
    if condition.is_floating_point():
        return functional.mse_loss(named, condition)
    return functional.cross_entropy(named, condition)
