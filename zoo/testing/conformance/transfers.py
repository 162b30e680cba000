"""Checks of transfer strategies: equal to scratch with its no-op config, no side effects, and a complete report."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.losses.types import Side
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import autoencoder, build_autoencoder, gan
from zoo.networks.gan import GAN
from zoo.testing.conformance.cases import SMALL, ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import apply
from zoo.transfers.plan import FurtherSource, Slot, Source, TransferPlan, TransferStrategy
from zoo.transfers.report import nets_of, report_on
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartLike, PartSpec

__all__ = ["TRANSFER_CHECKS", "TransferCase"]

STEPS = 20
_TRAINING = AdversarialTraining(batch=8, images=8 * STEPS)


@dataclass(frozen=True)
class TransferCase(ComponentCase):
    """A strategy, and a small autoencoder to transfer from (8 px grey images; needs the plugin of its parts)."""

    encoder: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    generator: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    bottleneck: PartLike = "gaussian"
    data: DataSpec = SMALL
    code_shape: tuple[int, ...] = (6,)
    kind = "transfer"

    def source(self, device: str = "cpu") -> Autoencoder:
        """The autoencoder to transfer from."""
        return autoencoder(
            self.encoder,
            self.generator,
            bottleneck=self.bottleneck,
            data=self.data,
            code_shape=self.code_shape,
            seed=1,
            device=device,
        ).eval()

    def further(self, source: Autoencoder, part: PartSpec | None = None) -> dict[str, FurtherSource]:
        """The source itself, in place of each further source that the strategy uses."""
        strategy = cast(TransferStrategy, plugins.build("transfer", part or self.spec))
        return dict.fromkeys(strategy.further, source)

    def gan(self, device: str = "cpu") -> GAN:
        """The GAN to transfer into, with fresh weights."""
        return gan(like=self.source("meta"), seed=2, device=device)

    def strategy(self) -> TransferStrategy:
        """The strategy as the case configures it."""
        return cast(TransferStrategy, plugins.build("transfer", self.spec))

    def images(self) -> ImageSet:
        """64 images of noise, 48 of them to train on."""
        return _images(self.data)

    def planned(self, source: Autoencoder, target: GAN, part: PartSpec | None = None) -> TransferPlan:
        """The plan for `target`."""
        return plan(source, target, resolve_strategies([part or self.spec]), self.further(source, part))

    def transferred(self, source: Autoencoder, target: GAN, part: PartSpec | None = None) -> TransferPlan:
        """The plan, applied to `target`, which is changed in place."""
        images = self.images()
        planned = self.planned(source, target, part)
        source = copy.deepcopy(source)
        apply(planned, source, lambda: images.batch(images.train), further=self.further(source, part))
        return planned


# ---------------------------------------------------------------- the plan


def slots_and_requires_have_the_right_types(case: TransferCase) -> None:
    """`slots` is a frozenset of `Slot`s, `requires` one of `Source`s, `further` a tuple of names."""
    strategy = case.strategy()
    assert isinstance(strategy.slots, frozenset)
    assert all(isinstance(slot, Slot) for slot in strategy.slots)
    assert isinstance(strategy.requires, frozenset)
    assert all(isinstance(used, Source) for used in strategy.requires)
    assert isinstance(strategy.further, tuple)


def planning_reads_no_weight(case: TransferCase) -> None:
    """The report of a plan on the meta device is the same as on nets with weights."""
    real = report_on(case.planned(case.source(), case.gan()), case.component, "")
    meta = report_on(case.planned(case.source("meta"), case.gan("meta")), case.component, "")
    assert real.rows == meta.rows


def planning_changes_neither_source_nor_random_numbers(case: TransferCase) -> None:
    """Planning, applying and training do not change the autoencoder, and do not use the global random generator."""
    source = case.source()
    before, state = copied(source), torch.get_rng_state()
    trainer = trainer_of(case, case.transferred(source, case.gan()))
    steps(trainer, 2)
    assert same(before, source.state_dict()), "the source's weights changed"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was used"


def applying_twice_gives_the_same_values(case: TransferCase) -> None:
    """Applying a plan to equal nets twice gives bitwise equal values."""
    first, second = (nets_of(case.transferred(case.source(), case.gan())) for _ in range(2))
    for net, module in first.items():
        assert same(copied(module), second[net].state_dict()), f"{net} differs"


def every_edit_names_a_tensor_and_its_origin(case: TransferCase) -> None:
    """Every edit has an existing tensor and a valid origin. In `source.<role>`, a copy of the autoencoder's net, it may
    be fresh: control strategies initialise that anew."""
    planned = case.transferred(case.source(), case.gan())
    nets = nets_of(planned) | {f"source.{role}": part for role, part in case.source("meta").parts.items()}
    for edit in planned.edits:
        origins = ("copied", "adapted", "fitted", *(("fresh",) if edit.net.startswith("source.") else ()))
        assert edit.origin in origins, f"origin {edit.origin!r}"
        assert edit.how, f"{edit.net}.{edit.tensor} does not say how"
        assert edit.net in nets, f"there is no net {edit.net!r}"
        assert edit.tensor in nets[edit.net].state_dict(), f"{edit.net} has no tensor {edit.tensor!r}"


def the_report_is_complete(case: TransferCase) -> None:
    """It lists every tensor of the final nets once; required tensors are not fresh, and frozen tensors exist."""
    planned = case.transferred(case.source(), case.gan())
    report = report_on(planned, case.component, "")
    rows = {(row.net, row.tensor): row for row in report.rows}
    assert len(rows) == len(report.rows), "a tensor is listed twice"
    listed = {id(nets_of(planned)[net].state_dict(keep_vars=True)[tensor]) for net, tensor in rows}
    existing = {id(t) for module in nets_of(planned).values() for t in module.state_dict(keep_vars=True).values()}
    assert existing <= listed, f"{len(existing - listed)} tensors are not in the report"
    for net, names in planned.required_tensors.items():
        fresh = [name for name in names if (net, name) in rows and rows[net, name].origin == "fresh"]
        assert not fresh, f"{net}.{fresh[0]} is required and is fresh"
    for net, names in planned.frozen.items():
        assert names <= set(nets_of(planned)[net].state_dict()), f"frozen names that {net} does not have"


# ---------------------------------------------------------------- training


def a_noop_strategy_equals_scratch(case: TransferCase) -> None:
    """With its `noop_config()` the nets after 20 steps are bitwise equal to training from scratch. If it has none, its
    docstring says why; then a strategy that only copies weights (slots of G or D, and at most a schedule) equals
    scratch if the autoencoder has the scratch nets' own weights."""
    strategy = case.strategy()
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
    """After 10 steps frozen tensors, buffers too, are unchanged, without gradient and in no optimiser, those aside that
    a phase of training unfroze; the source's modules are in eval mode."""
    source = case.source()
    planned = case.transferred(source, case.gan())
    trainer = trainer_of(case, planned)
    nets = nets_of(planned)
    frozen = {
        f"{net}.{name}": nets[net].state_dict(keep_vars=True)[name]
        for net in planned.frozen
        for name in planned.frozen[net]
    }
    before = {name: tensor.detach().clone() for name, tensor in frozen.items()}
    steps(trainer, 10)
    trained = {id(weight) for optimizer in trainer.optimizers.values() for weight in optimizer.parameters}
    unfrozen = {f"{net}.{name}" for net, names in trainer.phases.unfrozen.items() for name in names}
    for name in frozen.keys() - unfrozen:
        tensor = frozen[name]
        assert torch.equal(before[name], tensor), f"{name} is frozen and changed"
        assert id(tensor) not in trained, f"{name} is frozen and in an optimiser"
        assert tensor.grad is None, f"{name} is frozen and has a gradient"
    source_ids = {id(weight) for weight in source.parameters()}
    assert not source_ids & trained, "a weight of the source is in an optimiser"
    for net, module in nets.items():
        for name, submodule in module.named_modules():
            weights = [id(weight) for weight in submodule.parameters()]
            if weights and source_ids.issuperset(weights):
                assert not submodule.training, f"{net}.{name} belongs to the source and is not in eval mode"


def data_and_codes_come_in_the_same_order(case: TransferCase) -> None:
    """With the same seed, all strategies get the same batches and, with the same prior, the same codes, as paired
    comparisons need. Random numbers of a strategy's own losses may differ."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.gan()), images, _TRAINING, seed=0)
    transferred = trainer_of(case, case.transferred(case.source(), case.gan()))
    assert torch.equal(steps(scratch, 5), steps(transferred, 5)), "the batches differ"
    slots = case.strategy().slots
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
    assert all(torch.isfinite(value).all() for value in scalars.values()), f"{scalars}"
    if "g_loss" in scalars:
        weights = trainer.optimizers[Side.GENERATOR].parameters
        assert any(w.grad is not None and w.grad.any() for w in weights), "no gradient reaches the generator"


def a_saved_state_continues_to_the_bit(case: TransferCase) -> None:
    """After planning again, without applying, and loading a checkpoint, the next steps are bitwise equal."""
    trainer = trainer_of(case, case.transferred(case.source(), case.gan()))
    steps(trainer, 3)
    planned = case.planned(case.source("meta"), case.gan())
    resumed = trainer_of(case, planned)
    for name, module in trainer.modules.items():
        resumed.modules[name].load_state_dict(copied(module), strict=True)
    for name, optimizer in trainer.optimizers.items():
        resumed.optimizers[name].load_state_dict({k: v.clone() for k, v in optimizer.state_dict().items()})
    for name, rng in trainer.streams.items():
        resumed.streams[name].set_state(rng.get_state())
    rows = torch.arange(8)
    for shown in (24, 32):
        trainer.step(rows, shown)
        resumed.step(rows, shown)
    for name, module in trainer.modules.items():
        assert same(copied(module), resumed.modules[name].state_dict()), f"{name} differs after resuming"


# ---------------------------------------------------------------- helpers


def equal_to_scratch(case: TransferCase, source: Autoencoder, part: PartSpec) -> None:
    """After 20 steps of the strategy and of scratch, every net that scratch has is bitwise equal; with `wraps`, it is
    inside another net."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.gan()), images, _TRAINING, seed=0)
    transferred = trainer_of(case, case.transferred(source, case.gan(), part))
    steps(scratch, STEPS)
    steps(transferred, STEPS)
    strategy, meta = cast(TransferStrategy, plugins.build("transfer", part)), case.source("meta")
    wraps = strategy.plan_from(meta, case.further(meta, part), case.gan("meta")).wraps
    for name in ("prior", "generator", "discriminator", "ema"):
        state = transferred.modules[name].state_dict()
        inner = wraps.get("generator" if name == "ema" else name)
        for key, expected in scratch.modules[name].state_dict().items():
            value = state.get(f"{inner}.{key}" if inner else key)
            assert value is not None, f"{name} has no tensor {key} of scratch"
            assert torch.equal(expected, value), f"{name}.{key} differs from scratch after {STEPS} steps"


def trainer_of(case: TransferCase, planned: TransferPlan) -> GANTrainer:
    """A trainer for the plan, with the plan's own settings."""
    plain = {**to_plain(_TRAINING), **planned.recipe}
    training = from_plain(AdversarialTraining, plain, str(case))
    return GANTrainer(planned, case.images(), training, seed=0)


def self_source(case: TransferCase) -> Autoencoder:
    """An autoencoder with the scratch GAN's own weights."""
    scratch, specs = case.gan(), case.source("meta").specs
    source = build_autoencoder(specs, case.data, case.code_shape, seed=1)
    source.decoder.load_state_dict(copied(scratch.generator))
    source.encoder.load_state_dict(copied(cast(nn.Module, scratch.discriminator.encoder)))
    return source.eval()


def steps(trainer: GANTrainer, count: int) -> Tensor:
    """Take steps as the training loop does; the rows of their batches."""
    batches = Batches(trainer.images.train, _TRAINING.batch, trainer.streams["data"])
    shown = []
    for i in range(count):
        shown.append(batches.next())
        trainer.step(shown[-1], i * _TRAINING.batch)
    return torch.cat(shown)


def copied(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's state dict."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts are bitwise equal."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _images(data: DataSpec) -> ImageSet:
    rng = stream(0, "conformance")
    pixels = (torch.rand(64, *data.shape, generator=rng) * 255).to(torch.uint8)
    rows = torch.arange(64)
    return ImageSet("noise", data, pixels, None, rows[:48], rows[48:], "CC0-1.0", "")


TRANSFER_CHECKS: tuple[Callable[[Any], None], ...] = (
    *COMPONENT_CHECKS,
    slots_and_requires_have_the_right_types,
    planning_reads_no_weight,
    planning_changes_neither_source_nor_random_numbers,
    applying_twice_gives_the_same_values,
    every_edit_names_a_tensor_and_its_origin,
    the_report_is_complete,
    a_noop_strategy_equals_scratch,
    frozen_tensors_stay_and_are_in_no_optimiser,
    data_and_codes_come_in_the_same_order,
    the_first_step_is_finite_and_moves_the_generator,
    a_saved_state_continues_to_the_bit,
)
