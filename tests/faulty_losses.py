"""Objectives, priors, feature spaces, data sets and strategies with one deliberate fault each."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from faulty_components import Config
from torch import Tensor, nn

from zoo.losses.types import AdversarialObjective, AuxiliaryLoss, Side, StepContext
from zoo.networks.types import Prior
from zoo.transfers.plan import Edit, Slot, TransferPlan, TransferStrategy
from zoo.types import DataSpec

# ---------------------------------------------------------------- objectives


class Objective(AdversarialObjective):
    """An objective without a fault: the hinge loss."""

    def __init__(self, config: Config) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        return self.mean((1 - context.real_logits).relu(), context) + self.mean(
            (1 + context.fake_output.logits).relu(), context
        )

    def g_loss(self, context: StepContext) -> Tensor:
        return self.mean(-context.fake_output.logits, context)

    def mean(self, losses: Tensor, context: StepContext) -> Tensor:
        return torch.stack([group.mean() for group in losses.split(context.groups, dim=1)]).sum()


class IsOfNoKind:
    def __init__(self, config: Config) -> None: ...


class IsALossASample(Objective):
    def g_loss(self, context: StepContext) -> Tensor:
        return -context.fake_output.logits


class IsNotANumber(Objective):
    def g_loss(self, context: StepContext) -> Tensor:
        return super().g_loss(context) * float("nan")


class IsDetached(Objective):
    def g_loss(self, context: StepContext) -> Tensor:
        return super().g_loss(context).detach()


class ForgetsTheGroups(Objective):
    def mean(self, losses: Tensor, context: StepContext) -> Tensor:
        return losses.mean()


class AddsNoise(Objective):
    def d_loss(self, context: StepContext) -> Tensor:
        return super().d_loss(context) + 0.01 * torch.rand(())


class Overflows(Objective):
    def g_loss(self, context: StepContext) -> Tensor:
        return self.mean((1 + (-context.fake_output.logits).exp()).log(), context)


class CountsItsSteps(Objective):
    steps = 0

    def g_loss(self, context: StepContext) -> Tensor:
        return super().g_loss(context) * (1 + self.steps)

    def after_step(self, context: StepContext) -> None:
        self.steps += 1


# ---------------------------------------------------------------- priors


class KeepsItsScaleOutsideItsState(Prior):
    def __init__(self, config: Config, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.scale = torch.ones(code_shape)

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, *self.code_shape, generator=rng) * self.scale


# ---------------------------------------------------------------- feature spaces


class Space(nn.Module):
    """A feature space without a fault."""

    dim = 4

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sha256 = "0" * 64

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images.mean(1), 2).flatten(1)


class IsRandomEachTime(Space):
    def features(self, images: Tensor) -> Tensor:
        return super().features(images) + torch.rand(1)


class WritesIntoImages(Space):
    def features(self, images: Tensor) -> Tensor:
        return super().features(images.mul_(0.5))


# ---------------------------------------------------------------- data sets


class Images:
    """A data set without a fault."""

    license, credit = "CC0-1.0", "the authors of these tests"
    labels = None

    def __init__(self, config: Config) -> None:
        self.spec = DataSpec((1, 8, 8))
        self.images = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
        self.train = np.array([True, True, True, False])


class HasFloats(Images):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.images = self.images / 255  # type: ignore[assignment]


class HoldsNothingOut(Images):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.train = np.ones(4, bool)


class SpecifiesColours(Images):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.spec = DataSpec((3, 8, 8))


class HasAnUnknownLicense(Images):
    license = "ask me"


class IsShuffled(Images):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.images = np.random.default_rng().permutation(self.images)


# ---------------------------------------------------------------- strategies


class Strategy(TransferStrategy):
    """A strategy without a fault: it does nothing."""

    slots: frozenset[Slot] = frozenset()
    requires: frozenset[Any] = frozenset()

    def __init__(self, config: Config) -> None:
        self.config = config

    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan)

    def noop_config(self) -> Any:
        return self.config


class HasSlotsOfText(Strategy):
    slots = frozenset({"generator"})  # type: ignore[assignment]

    def noop_config(self) -> Any:
        """Nothing to turn off."""


class PlansSomethingElseEachTime(Strategy):
    count = itertools.count()

    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan, notes=[f"plan number {next(self.count)}"])


class GivesNoOrigin(Strategy):
    slots = frozenset({Slot.GENERATOR})

    def plan(self, source: Any, gan: Any) -> TransferPlan:
        name = next(iter(gan.generator.state_dict()))
        return TransferPlan(
            gan,
            [Edit("generator", name, "", "a copy", lambda values: gan.generator.state_dict()[name])],  # type: ignore[arg-type]
        )


class RequiresAFreshTensor(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan, required_tensors={"generator": {next(iter(gan.generator.state_dict()))}})


class Loss(AuxiliaryLoss):
    """A loss of 0."""

    side = Side.GENERATOR

    def weight(self, shown: int) -> float:
        return 1.0

    def loss(self, context: StepContext) -> Tensor:
        return 0 * context.fake_output.logits.mean()

    def forward(self, context: StepContext) -> Tensor:
        return self.loss(context)


class Draws(Loss):
    def loss(self, context: StepContext) -> Tensor:
        torch.rand(1, generator=context.rng)
        return super().loss(context)


class NotANumber(Loss):
    def loss(self, context: StepContext) -> Tensor:
        return super().loss(context) * float("nan")


class Counts(Loss):
    steps = 0

    def loss(self, context: StepContext) -> Tensor:
        self.steps += 1
        return self.steps * context.fake_output.logits.mean()


class WritesIntoFrozenWeights(Loss):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.frozen = [weight]

    def loss(self, context: StepContext) -> Tensor:
        with torch.no_grad():
            self.frozen[0].add_(0.01)
        return super().loss(context)


class AddsALoss(Strategy):
    """A strategy that adds `loss` without declaring it."""

    loss: type[Loss] = Loss

    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan, losses={"faulty": self.loss()})

    def noop_config(self) -> Any:
        """It cannot be turned off."""


class DrawsWithoutItsSlot(AddsALoss):
    loss = Draws


class LosesItsNumbers(AddsALoss):
    loss = NotANumber


class CountsInItsLoss(AddsALoss):
    loss = Counts


class ThawsInSecret(AddsALoss):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        name, weight = next(iter(gan.generator.named_parameters()))
        return TransferPlan(gan, losses={"faulty": WritesIntoFrozenWeights(weight)}, frozen={"generator": {name}})
