"""What a penalty on the discriminator promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.losses.types import Regulariser, StepContext
from zoo.networks.compose import build_discriminator
from zoo.networks.types import DiscriminatorOutput
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.testing.conformance.modules import Check
from zoo.types import DataSpec, PartLike, PartSpec, as_part

__all__ = ["REGULARISER_CHECKS", "RegulariserCase"]

_SMALL = DataSpec((1, 8, 8))
_STEPS = 20
_BATCH = 8


@dataclass(frozen=True)
class RegulariserCase(ComponentCase):
    """A penalty, and the small discriminator that it is tried on (needs the plugin of that)."""

    discriminator: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    data: DataSpec = _SMALL
    kind = "regulariser"

    def build(self) -> Any:
        """The penalty, prepared as the trainer prepares it."""
        built = plugins.build("regulariser", self.spec)
        if hasattr(built, "prepare"):
            built.prepare(self.data, _BATCH)
        return built

    def build_discriminator(self) -> nn.Module:
        """The discriminator that the penalty is tried on."""
        return build_discriminator(as_part(self.discriminator), self.data)

    def round(self, regulariser: Regulariser, discriminator: nn.Module, copies: int = 1) -> StepContext:
        """A batch of 8 real and 8 generated samples, as the trainer passes them when the penalty is due; each
        logit `copies` times."""

        def judged(x: Tensor) -> DiscriminatorOutput:
            logits, stages = discriminator.discriminate(x)  # type: ignore[operator]
            return DiscriminatorOutput(logits.repeat(1, copies), stages)

        real, fake = (self._batch(name, name in regulariser.inputs) for name in ("real", "fake"))
        groups = (1,) * copies
        return StepContext(
            real=real,
            fake=fake,
            z=torch.zeros(_BATCH, 2),
            indices=torch.arange(_BATCH),
            shown=0,
            discriminate=judged,
            generate=lambda z: fake.detach(),
            groups=groups,
            fake_output=judged(fake),
            real_output=judged(real),
            rng=stream(5, "losses"),
        )

    def _batch(self, name: str, gradients: bool) -> Tensor:
        unit = torch.rand(_BATCH, *self.data.shape, generator=stream(0, name))
        return (self.data.low + (self.data.high - self.data.low) * unit).requires_grad_(gradients)


def it_says_when_it_is_due_and_what_it_needs(case: RegulariserCase) -> None:
    """`interval` is a whole number from 1, `inputs` names real or fake batches."""
    built = case.build()
    plugins.require(case.registered, built, Regulariser)
    assert type(built.interval) is int, f"interval is {built.interval!r}"
    assert built.interval >= 1, f"interval is {built.interval}"
    assert isinstance(built.inputs, frozenset), f"inputs is a {type(built.inputs).__name__}, not a frozenset"
    assert built.inputs <= {"real", "fake"}, f"inputs are {sorted(built.inputs)}"


def the_penalty_is_a_finite_number_that_reaches_the_weights(case: RegulariserCase) -> None:
    """A scalar from 0, not a reward, whose gradient is finite wherever it goes, and goes to some weight; with one logit
    or several."""
    for logits in (1, 3):
        built, discriminator = case.build(), case.build_discriminator()
        penalty = built.penalty(case.round(built, discriminator, logits))
        assert penalty.shape == (), f"the penalty has the shape {tuple(penalty.shape)}, not ()"
        value = float(penalty.detach())
        assert math.isfinite(value), f"the penalty is {value}"
        assert value >= 0, f"the penalty is {value:.4g}: it rewards what it should lower"
        penalty.backward()
        slopes = [weight.grad for weight in discriminator.parameters() if weight.grad is not None]
        assert all(slope.isfinite().all() for slope in slopes), "a weight gets a gradient that is not finite"
        assert any(slope.any() for slope in slopes), "no weight gets a gradient"


def training_lowers_the_penalty(case: RegulariserCase) -> None:
    """Its gradient is its own: 20 steps on the penalty alone, on one batch, take it down."""
    built, discriminator = case.build(), case.build_discriminator()
    adam = torch.optim.Adam(discriminator.parameters(), 1e-2)
    seen = []
    for _ in range(_STEPS):
        penalty = built.penalty(case.round(built, discriminator))
        adam.zero_grad()
        penalty.backward()
        adam.step()
        seen.append(float(penalty.detach()))
    assert seen[-1] < seen[0], f"{_STEPS} steps took the penalty from {seen[0]:.4g} to {seen[-1]:.4g}"


def it_draws_from_the_rounds_stream_and_changes_nothing(case: RegulariserCase) -> None:
    """The same round gives the same number; batches, weights and the global generator stay as they were."""
    discriminator = case.build_discriminator()
    before, state = {k: v.clone() for k, v in discriminator.state_dict().items()}, torch.get_rng_state()
    numbers = []
    for built in (case.build(), case.build()):
        context = case.round(built, discriminator)
        batches = context.real.detach().clone(), context.fake.detach().clone()
        numbers.append(built.penalty(context).detach())
        assert torch.equal(context.real, batches[0]), "it wrote into the real batch"
        assert torch.equal(context.fake, batches[1]), "it wrote into the generated batch"
    assert torch.equal(*numbers), f"one round gave {float(numbers[0])} and {float(numbers[1])}"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was drawn from"
    assert all(torch.equal(before[k], v) for k, v in discriminator.state_dict().items()), "it changed the discriminator"


REGULARISER_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    it_says_when_it_is_due_and_what_it_needs,
    the_penalty_is_a_finite_number_that_reaches_the_weights,
    training_lowers_the_penalty,
    it_draws_from_the_rounds_stream_and_changes_nothing,
)
