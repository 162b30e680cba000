"""Checks of transfer strategies: equal to scratch with its no-op config, no side effects, and a complete report."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo.config import to_plain
from zoo.losses.types import Side
from zoo.networks.autoencoder import Autoencoder
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.testing.conformance.transfer_case import (
    STEPS,
    TRAINING,
    TransferCase,
    copied,
    same,
    self_source,
    steps,
    trainer_of,
)
from zoo.testing.conformance.transfer_plans import PLAN_CHECKS
from zoo.training.gan import GANTrainer
from zoo.training.trainer import seeded_step
from zoo.transfers.plan import Slot, TransferPlan, TransferStrategy
from zoo.transfers.report import nets_of
from zoo.types import PartSpec

__all__ = ["TRANSFER_CHECKS"]


def a_noop_strategy_equals_scratch(case: TransferCase) -> None:
    """With its `noop_config()` the nets after 20 steps are bitwise equal to training from scratch. If it has none, its
    docstring says why; then a strategy that only copies weights (slots of G or D, and at most a schedule) equals
    scratch if the autoencoder has the scratch nets' own weights."""
    strategy = case.build()
    config = strategy.noop_config()
    if config is not None:
        part = PartSpec(case.registered.id, to_plain(config))
        equal_to_scratch(case, case.source(), part)
        return
    reason = type(strategy).noop_config.__doc__ or ""
    assert reason, "noop_config() returns None and its docstring does not say why"
    nets = {Slot.GENERATOR, Slot.DISCRIMINATOR}
    if strategy.slots & nets and strategy.slots <= nets | {Slot.SCHEDULE}:
        equal_to_scratch(case, self_source(case), case.spec)


def frozen_tensors_stay_and_are_in_no_optimiser(case: TransferCase) -> None:
    """Frozen tensors, buffers too, do not change, have no gradient and are in no optimiser, until a phase of training
    unfreezes them: from then on parameters are in one. The source's modules are in eval mode."""
    source = case.source()
    planned = case.transferred(source, case.gan())
    trainer = trainer_of(case, planned)
    frozen = _frozen_tensors(planned)
    before = {name: tensor.detach().clone() for name, tensor in frozen.items()}
    for i in range(STEPS):
        steps(trainer, 1, i)
        trained = {id(weight) for optimizer in trainer.optimizers.values() for weight in optimizer.parameters}
        unfrozen = {f"{net}.{name}" for net, names in trainer.phases.unfrozen.items() for name in names}
        for name, tensor in frozen.items():
            if name in unfrozen:
                learns = id(tensor) in trained or not isinstance(tensor, nn.Parameter)
                assert learns, f"{name} is in no optimiser after the phase that unfreezes it"
            else:
                assert torch.equal(before[name], tensor), f"{name} is frozen and changed"
                assert id(tensor) not in trained, f"{name} is frozen and in an optimiser"
                assert tensor.grad is None, f"{name} is frozen and has a gradient"
    _assert_source_is_left_alone(trainer, source)


def data_and_codes_come_in_the_same_order(case: TransferCase) -> None:
    """With the same seed, all strategies get the same batches and, with the same prior, the same codes, as paired
    comparisons need. Random numbers of a strategy's own losses may differ."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.scratch()), images, TRAINING, seed=0)
    transferred = trainer_of(case, case.transferred(case.source(), case.gan()))
    assert torch.equal(steps(scratch, 5), steps(transferred, 5)), "the batches differ"
    slots = case.build().slots
    may_differ = {"codes": slots & {Slot.PRIOR, Slot.TASK}, "losses": slots & {Slot.OBJECTIVE, Slot.LOSS, Slot.RECIPE}}
    for name, rng in scratch.streams.items():
        assert may_differ.get(name) or torch.equal(rng.get_state(), transferred.streams[name].get_state()), (
            f"the stream {name!r} differs"
        )


def the_first_step_is_finite_and_moves_the_generator(case: TransferCase) -> None:
    """Losses are finite, and the generator gets a gradient unless a schedule pauses it; nothing is trained only if the
    plan freezes every weight of both sides."""
    trainer = trainer_of(case, case.transferred(case.source(), case.gan()))
    scalars = trainer.step(torch.arange(8), 0)
    if not any(optimizer.parameters for optimizer in trainer.optimizers.values()):
        nets, frozen = trainer.gan.parts, trainer.plan.frozen
        untrained = {
            f"{net}.{name}"
            for net in ("generator", "discriminator")
            for name, _ in nets[net].named_parameters()
            if name not in frozen.get(net, ())
        }
        assert not untrained, f"{min(untrained)} is in no optimiser, and the plan does not freeze it"
        return
    assert scalars, "nothing was trained"
    infinite = [name for name, value in scalars.items() if not torch.isfinite(value).all()]
    assert not infinite, f"{', '.join(infinite)} is not finite"
    if "g_loss" in scalars:
        weights = trainer.optimizers[Side.GENERATOR].parameters
        assert any(w.grad is not None and w.grad.any() for w in weights), "no gradient reaches the generator"


def a_saved_state_continues_to_the_bit(case: TransferCase) -> None:
    """After planning again, without applying, and loading a checkpoint, the next steps are bitwise equal."""
    trainer = trainer_of(case, case.transferred(case.source(), case.gan()))
    steps(trainer, 3)
    planned = case.planned(case.source("meta"), case.gan())
    resumed = trainer_of(case, planned)
    resumed.advance(24)  # as the training loop does, before the optimisers' state is restored
    for name, module in trainer.modules.items():
        resumed.modules[name].load_state_dict(copied(module), strict=True)
    for name, optimizer in trainer.optimizers.items():
        resumed.optimizers[name].load_state_dict({k: v.clone() for k, v in optimizer.state_dict().items()})
    for name, rng in trainer.streams.items():
        resumed.streams[name].set_state(rng.get_state())
    rows = torch.arange(8)
    for shown in (24, 32):
        seeded_step(trainer, rows, shown)
        seeded_step(resumed, rows, shown)
    for name, module in trainer.modules.items():
        assert same(copied(module), resumed.modules[name].state_dict()), f"{name} differs after resuming"


# ---------------------------------------------------------------- helpers


def equal_to_scratch(case: TransferCase, source: Autoencoder, part: PartSpec) -> None:
    """After 20 steps of the strategy and of scratch, every net that scratch has is bitwise equal; with `wraps`, it is
    inside another net."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.gan()), images, TRAINING, seed=0)
    transferred = trainer_of(case, case.transferred(source, case.gan(), part))
    steps(scratch, STEPS)
    steps(transferred, STEPS)
    strategy = cast(TransferStrategy, plugins.build("transfer", part))
    meta = case.source("meta")
    wraps = strategy.plan_from(meta, case.further(meta, part), case.gan("meta")).wraps
    for name in ("prior", "generator", "discriminator", "ema"):
        state = transferred.modules[name].state_dict()
        inner = wraps.get("generator" if name == "ema" else name)
        for key, expected in scratch.modules[name].state_dict().items():
            value = state.get(f"{inner}.{key}" if inner else key)
            assert value is not None, f"{name} has no tensor {key} of scratch"
            assert torch.equal(expected, value), f"{name}.{key} differs from scratch after {STEPS} steps"


def _frozen_tensors(planned: TransferPlan) -> dict[str, Tensor]:
    nets = nets_of(planned)
    return {
        f"{net}.{name}": nets[net].state_dict(keep_vars=True)[name]
        for net, names in planned.frozen.items()
        for name in names
    }


def _assert_source_is_left_alone(trainer: GANTrainer, source: Autoencoder) -> None:
    """No weight of the source is trained, and its modules inside the GAN's nets are in eval mode."""
    source_ids = {id(weight) for weight in source.parameters()}
    trained = {id(weight) for optimizer in trainer.optimizers.values() for weight in optimizer.parameters}
    assert not source_ids & trained, "a weight of the source is in an optimiser"
    for net, module in nets_of(trainer.plan).items():
        for name, submodule in module.named_modules():
            weights = [id(weight) for weight in submodule.parameters()]
            if weights and source_ids.issuperset(weights):
                assert not submodule.training, f"{net}.{name} belongs to the source and is not in eval mode"


TRANSFER_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    *PLAN_CHECKS,
    a_noop_strategy_equals_scratch,
    frozen_tensors_stay_and_are_in_no_optimiser,
    data_and_codes_come_in_the_same_order,
    the_first_step_is_finite_and_moves_the_generator,
    a_saved_state_continues_to_the_bit,
)
