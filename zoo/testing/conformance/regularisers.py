"""Checks of penalties on the discriminator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import seeded, stream
from zoo.losses.types import Regulariser, StepContext
from zoo.networks.compose import build_discriminator
from zoo.networks.types import Discriminator, DiscriminatorOutput
from zoo.testing.conformance.cases import SMALL, ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.types import DataSpec, PartLike, PartSpec, as_part

__all__ = ["REGULARISER_CHECKS", "RegulariserCase"]

_STEPS = 20
_BATCH = 8


@dataclass(frozen=True)
class RegulariserCase(ComponentCase):
    """A penalty, and a small discriminator to compute it on (needs that one's plugin)."""

    discriminator: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    data: DataSpec = SMALL
    kind = "regulariser"

    def build(self, seed: int = 0, device: str = "cpu") -> Any:
        """The penalty, prepared as the trainer prepares it."""
        built = super().build(seed, device)
        if hasattr(built, "prepare"):
            built.prepare(self.data, _BATCH)
        if isinstance(built, nn.Module):
            x = torch.zeros(2, *self.data.shape)
            stages = cast(Discriminator, self.build_discriminator()).discriminate(x).stages
            with seeded(seed, "regulariser", device), torch.device(device):
                cast(Any, built).build(self.data, tuple(tuple(stage.shape[1:]) for stage in stages))
        return built

    def build_discriminator(self) -> nn.Module:
        """The discriminator, with fresh weights."""
        return build_discriminator(as_part(self.discriminator), self.data)

    def context(self, regulariser: Regulariser, discriminator: nn.Module, copies: int = 1) -> StepContext:
        """A context with 8 real and 8 generated samples, as in a step with the penalty; each logit `copies` times."""

        def discriminate(x: Tensor) -> DiscriminatorOutput:
            logits, stages = cast(Discriminator, discriminator).discriminate(x)
            return DiscriminatorOutput(logits.repeat(1, copies), stages)

        real, fake = (self._batch(name, name in regulariser.inputs) for name in ("real", "fake"))
        groups = (1,) * copies
        return StepContext(
            real=real,
            fake=fake,
            z=torch.zeros(_BATCH, 2),
            indices=torch.arange(_BATCH),
            shown=0,
            discriminate=discriminate,
            generate=lambda z: fake.detach(),
            groups=groups,
            fake_output=discriminate(fake),
            real_output=discriminate(real),
            rng=stream(5, "losses"),
        )

    def _batch(self, name: str, gradients: bool) -> Tensor:
        unit = torch.rand(_BATCH, *self.data.shape, generator=stream(0, name))
        return (self.data.low + (self.data.high - self.data.low) * unit).requires_grad_(gradients)


def it_says_when_it_is_due_and_what_it_needs(case: RegulariserCase) -> None:
    """`interval` is a positive integer, `inputs` names real or fake batches."""
    built = case.build()
    plugins.require(case.registered, built, Regulariser)
    assert type(built.interval) is int, f"interval is {built.interval!r}"
    assert built.interval >= 1, f"interval is {built.interval}"
    assert isinstance(built.inputs, frozenset), f"inputs is a {type(built.inputs).__name__}, not a frozenset"
    assert built.inputs <= {"real", "fake"}, f"inputs are {sorted(built.inputs)}"


def the_penalty_is_a_finite_number_that_reaches_the_weights(case: RegulariserCase) -> None:
    """With one logit or several, it is a scalar of 0 or more with finite gradients, for at least one weight."""
    for logits in (1, 3):
        built, discriminator = case.build(), case.build_discriminator()
        penalty = built.penalty(case.context(built, discriminator, logits))
        assert penalty.shape == (), f"the penalty has the shape {tuple(penalty.shape)}, not ()"
        value = float(penalty.detach())
        assert math.isfinite(value), f"the penalty is {value}"
        assert value >= 0, f"the penalty is {value:.4g}, below 0"
        penalty.backward()
        gradients = [weight.grad for weight in discriminator.parameters() if weight.grad is not None]
        assert all(gradient.isfinite().all() for gradient in gradients), "a weight gets a gradient that is not finite"
        assert any(gradient.any() for gradient in gradients), "no weight gets a gradient"


def training_lowers_the_penalty(case: RegulariserCase) -> None:
    """20 steps on the penalty alone, on one batch, lower it."""
    built, discriminator = case.build(), case.build_discriminator()
    adam = torch.optim.Adam(discriminator.parameters(), 1e-2)
    values = []
    for _ in range(_STEPS):
        penalty = built.penalty(case.context(built, discriminator))
        adam.zero_grad()
        penalty.backward()
        adam.step()
        values.append(float(penalty.detach()))
    assert values[-1] < values[0], f"{_STEPS} steps changed the penalty from {values[0]:.4g} to {values[-1]:.4g}"


def it_uses_the_contexts_random_generator_and_changes_nothing(case: RegulariserCase) -> None:
    """Equal contexts give equal penalties, if its own nets are equal too; batches, weights and the global generator do
    not change."""
    discriminator = case.build_discriminator()
    before, state = {k: v.clone() for k, v in discriminator.state_dict().items()}, torch.get_rng_state()
    penalties = []
    nets = isinstance(case.build(), nn.Module)
    for built in (case.build(seed=0), case.build(seed=0 if nets else 1)):
        context = case.context(built, discriminator)
        batches = context.real.detach().clone(), context.fake.detach().clone()
        penalties.append(built.penalty(context).detach())
        assert torch.equal(context.real, batches[0]), "it changed the real batch in place"
        assert torch.equal(context.fake, batches[1]), "it changed the generated batch in place"
    assert torch.equal(*penalties), f"equal contexts gave {float(penalties[0])} and {float(penalties[1])}"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was used"
    assert all(torch.equal(before[k], v) for k, v in discriminator.state_dict().items()), "it changed the discriminator"


REGULARISER_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    it_says_when_it_is_due_and_what_it_needs,
    the_penalty_is_a_finite_number_that_reaches_the_weights,
    training_lowers_the_penalty,
    it_uses_the_contexts_random_generator_and_changes_nothing,
)
