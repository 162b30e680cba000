"""Checks of objectives, for autoencoders and for GANs."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import seeded, stream
from zoo.data.modalities import modality_class
from zoo.losses.types import AdversarialObjective, AutoencoderObjective, StepContext
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import autoencoder
from zoo.networks.types import DiscriminatorOutput
from zoo.testing.conformance.cases import SMALL, ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.types import DataSpec, PartLike, PartSpec

__all__ = ["OBJECTIVE_CHECKS", "ObjectiveCase"]

_FAR = 1e3
_STEPS = 3
_IMAGES = 100_000


@dataclass(frozen=True)
class ObjectiveCase(ComponentCase):
    """An objective, and a small autoencoder for objectives of autoencoders (needs the plugin of its parts)."""

    encoder: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    bottleneck: PartLike = "gaussian"
    data: DataSpec = SMALL
    kind = "objective"

    def autoencoder(self) -> Autoencoder:
        """The autoencoder, with fresh weights; of data with a modality, of the networks that are usual for it."""
        encoder, decoder = self.encoder, None
        if self.data.modality is not None:
            registered = plugins.find_component("modality", self.data.modality.component)
            usual = modality_class(registered).recipe["autoencoder"]
            encoder, decoder = usual["encoder"], usual["decoder"]
        return autoencoder(encoder, decoder, bottleneck=self.bottleneck, data=self.data, code_shape=4, seed=0)

    def prepared(self, objective: AutoencoderObjective) -> Autoencoder:
        """The autoencoder, after `objective` has built its own nets for it, as in training."""
        model = self.autoencoder()
        if isinstance(objective, nn.Module):
            with seeded(0, "objective"):
                objective.prepare(model, _IMAGES)  # type: ignore[operator]
        return model


def it_is_of_one_kind(case: ObjectiveCase) -> None:
    """It trains autoencoders (`loss`) or GANs (`paired`, `d_loss`, `g_loss`, `after_step`), not both."""
    built = case.build()
    kinds = [isinstance(built, AutoencoderObjective), not plugins.missing_members(built, AdversarialObjective)]
    assert sum(kinds) == 1, f"{type(built).__name__} is of {sum(kinds)} kinds"
    assert kinds[0] or isinstance(built, nn.Module), "an adversarial objective must be an nn.Module: its state is saved"
    assert kinds[0] or type(built.paired) is bool, f"paired is {built.paired!r}, not true or false"


def losses_are_finite_scalars_with_gradients(case: ObjectiveCase) -> None:
    """Each loss is a finite scalar with gradients for its inputs: D's for both batches, G's for the generated one.

    If an objective's state gives D's generated batch no weight at first, `after_step` must change that when D is
    fooled.
    """
    built = case.build()
    if isinstance(built, AutoencoderObjective):
        model = case.prepared(built)
        losses = built.loss(model, _samples(case.data), stream(0, "noise"), 0)
        _finite_scalar(losses.total, "loss")
        for name, term in losses.parts.items():
            _finite_scalar(term, name)
        losses.total.backward()
        without = [name for name, weight in model.decoder.named_parameters() if weight.grad is None]
        assert not without, f"the decoder's {without[0]} gets no gradient"
        return
    for side in ("d_loss", "g_loss"):
        context = _backward(built, side)
        grad = context.fake_output.logits.grad
        assert grad is not None, f"{side} gives the fake logits no gradient"
        if side == "d_loss" and not grad.any() and any(True for _ in built.buffers()):
            built.after_step(_context(_logits(1).detach() - 1, _logits(2).detach() + 1))
            grad = _backward(built, side).fake_output.logits.grad
            assert grad is not None, f"{side} gives the fake logits no gradient after a step"
        assert grad.isfinite().all(), f"{side} gives the fake logits a gradient that is not finite"
        assert grad.any(), f"{side} gives the fake logits a zero gradient"
        if side == "d_loss":
            grad = context.real_output.logits.grad if context.real_output else None
            assert grad is not None, "d_loss gives the real logits no gradient"
            assert grad.isfinite().all(), "d_loss gives the real logits a gradient that is not finite"
            assert grad.any(), "d_loss gives the real logits a zero gradient"
    built.after_step(_context(_logits(1), _logits(2)))


def losses_point_the_right_way(case: ObjectiveCase) -> None:
    """D's loss falls if real logits rise and fake ones fall, G's if fake ones rise; training lowers an
    autoencoder's."""
    built = case.build()
    if isinstance(built, AutoencoderObjective):
        model, x = case.prepared(built), _samples(case.data)
        weights = [*model.parameters(), *(built.parameters() if isinstance(built, nn.Module) else ())]
        adam = torch.optim.Adam([weight for weight in weights if weight.requires_grad], 1e-2)
        values = []
        for _ in range(30):
            loss = built.loss(model, x, stream(0, "noise"), 0).total
            adam.zero_grad()
            loss.backward()
            adam.step()
            values.append(float(loss.detach()))
        assert values[-1] < values[0], f"30 steps changed the loss from {values[0]:.4g} to {values[-1]:.4g}"
        return
    real, fake = _logits(1), _logits(2)
    up, down = real.detach() + 1, fake.detach() - 1
    assert built.d_loss(_context(up, down)) < built.d_loss(_context(real, fake)), "D's loss rises as D improves"
    assert built.g_loss(_context(real, fake.detach() + 1)) < built.g_loss(_context(real, fake)), (
        "G's loss rises with its logits"
    )


def logits_average_inside_a_group_and_add_up_over_groups(case: ObjectiveCase) -> None:
    """Repeating every logit inside a group keeps the loss; repeating the group doubles it."""
    built = case.build()
    if isinstance(built, AutoencoderObjective):
        return
    real, fake = _logits(1), _logits(2)
    reals, fakes = real.detach().repeat(1, 2), fake.detach().repeat(1, 2)
    for side in ("d_loss", "g_loss"):
        loss = getattr(built, side)
        one = loss(_context(real, fake)).detach()
        torch.testing.assert_close(loss(_context(reals, fakes, (2,))), one)
        torch.testing.assert_close(loss(_context(reals, fakes, (1, 1))), 2 * one)


def the_same_numbers_give_the_same_loss(case: ObjectiveCase) -> None:
    """The loss depends on its arguments alone: the global random generator is not used."""
    state = torch.get_rng_state()
    losses = []
    for built in (case.build(seed=0), case.build(seed=1)):
        if isinstance(built, AutoencoderObjective):
            model = case.prepared(built)
            losses.append(built.loss(model, _samples(case.data), stream(3, "noise"), 0).total)
        else:
            losses.append(built.d_loss(_context(_logits(1), _logits(2))))
    first, second = losses
    assert torch.equal(first, second), f"two builds give {float(first)} and {float(second)} for the same numbers"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was used"


def extreme_logits_give_finite_losses(case: ObjectiveCase) -> None:
    """Logits of 1,000 and -1,000 give D and G finite losses and gradients: exp() of them would overflow."""
    built = case.build()
    if isinstance(built, AutoencoderObjective):
        return
    for side in ("d_loss", "g_loss"):
        for sign in (1, -1):
            far = [(sign * _FAR * _logits(seed).detach().sign()).requires_grad_() for seed in (1, 2)]
            loss = getattr(built, side)(_context(far[0], far[1]))
            _finite_scalar(loss, f"{side} of logits of {_FAR:g}")
            loss.backward()
            finite = all(logits.grad is None or logits.grad.isfinite().all() for logits in far)
            assert finite, f"{side} gives logits of {_FAR:g} a gradient that is not finite"


def what_it_keeps_is_saved(case: ObjectiveCase) -> None:
    """After some steps, a new build with the saved state gives the same losses: what an objective keeps is in its
    state."""
    used, fresh = case.build(), case.build()
    if isinstance(used, AutoencoderObjective):
        models = [case.prepared(used), case.prepared(fresh)]
        for seed in range(_STEPS):
            used.loss(models[0], _samples(case.data, seed), stream(seed, "noise"), 0)
        if isinstance(used, nn.Module):
            fresh.load_state_dict(used.state_dict())
        last = [
            built.loss(m, _samples(case.data), stream(0, "noise"), 0).total
            for built, m in zip((used, fresh), models, strict=True)
        ]
        assert torch.equal(*last), f"the loss is {float(last[0])}, in a new build with the saved state {float(last[1])}"
        return
    for seed in range(_STEPS):
        context = _context(_logits(seed), _logits(seed + 1))
        used.d_loss(context)
        used.g_loss(context)
        used.after_step(context)
    fresh.load_state_dict(used.state_dict())
    for side in ("d_loss", "g_loss"):
        one, other = (float(getattr(b, side)(_context(_logits(1), _logits(2))).detach()) for b in (used, fresh))
        assert one == other, f"{side} is {one}, in a new build with the saved state {other}"


# ---------------------------------------------------------------- helpers


def _samples(data: DataSpec, seed: int = 0) -> Tensor:
    return data.low + (data.high - data.low) * torch.rand(8, *data.shape, generator=stream(seed, "samples"))


def _logits(seed: int) -> Tensor:
    return torch.randn(8, 1, generator=stream(seed, "logits")).requires_grad_()


def _backward(objective: AdversarialObjective, side: str) -> StepContext:
    """A context after the backward pass of one side's loss."""
    context = _context(_logits(1), _logits(2))
    loss = getattr(objective, side)(context)
    _finite_scalar(loss, side)
    loss.backward()
    return context


def _context(real: Tensor, fake: Tensor, groups: tuple[int, ...] = (1,)) -> StepContext:
    """A context with these logits; the stages are zeros, so that a loss of features is 0."""
    x, z, stages = torch.zeros(8, 1, 4, 4), torch.zeros(8, 2), (torch.zeros(8, 4),)
    return StepContext(
        real=x,
        fake=x,
        z=z,
        indices=torch.arange(8),
        shown=0,
        discriminate=lambda _: DiscriminatorOutput(fake, stages),
        groups=groups,
        generate=lambda _: x,
        fake_output=DiscriminatorOutput(fake, stages),
        real_output=DiscriminatorOutput(real, stages),
    )


def _finite_scalar(value: Tensor, name: str) -> None:
    assert value.shape == (), f"{name} has the shape {tuple(value.shape)}, not ()"
    assert value.isfinite(), f"{name} is {float(value)}"


OBJECTIVE_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    it_is_of_one_kind,
    losses_are_finite_scalars_with_gradients,
    losses_point_the_right_way,
    logits_average_inside_a_group_and_add_up_over_groups,
    the_same_numbers_give_the_same_loss,
    extreme_logits_give_finite_losses,
    what_it_keeps_is_saved,
)
