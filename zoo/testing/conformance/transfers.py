"""What a transfer strategy promises: an equal start where it does nothing, no side effects, and a whole report."""

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
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import apply
from zoo.transfers.plan import Slot, Source, TransferPlan, TransferStrategy
from zoo.transfers.report import nets_of, report_on
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartLike, PartSpec

__all__ = ["TRANSFER_CHECKS", "TransferCase"]

STEPS = 20
SMALL = DataSpec((1, 8, 8))
_TRAINING = AdversarialTraining(batch=8, images=8 * STEPS)


@dataclass(frozen=True)
class TransferCase(ComponentCase):
    """A strategy, and the small autoencoder that it is tried on (8 px grey images; needs the plugin of its parts)."""

    encoder: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    generator: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    bottleneck: PartLike = "gaussian"
    data: DataSpec = SMALL
    latent_dim: int = 6
    kind = "transfer"

    def source(self, device: str = "cpu") -> Autoencoder:
        """The autoencoder to transfer from."""
        return autoencoder(
            self.encoder,
            self.generator,
            bottleneck=self.bottleneck,
            data=self.data,
            latent_dim=self.latent_dim,
            seed=1,
            device=device,
        ).eval()

    def gan(self, device: str = "cpu") -> GAN:
        """The GAN to transfer into, with fresh weights."""
        return gan(like=self.source("meta"), seed=2, device=device)

    def strategy(self) -> TransferStrategy:
        """The strategy as the case configures it."""
        return cast(TransferStrategy, plugins.build("transfer", self.spec))

    def images(self) -> ImageSet:
        """64 blobs of grey to learn from."""
        return _images(self.data)

    def transferred(self, source: Autoencoder, target: GAN, part: PartSpec | None = None) -> TransferPlan:
        """Planned and applied, on copies of nothing: `target` is changed."""
        images = self.images()
        planned = plan(source, target, resolve_strategies([part or self.spec]))
        apply(planned, copy.deepcopy(source), lambda: images.batch(images.train))
        return planned


# ---------------------------------------------------------------- the plan


def fills_and_uses_are_slots_and_sources(case: TransferCase) -> None:
    """What composing reads to order strategies and to refuse clashes."""
    strategy = case.strategy()
    assert isinstance(strategy.slots, frozenset)
    assert all(isinstance(slot, Slot) for slot in strategy.slots)
    assert isinstance(strategy.requires, frozenset)
    assert all(isinstance(used, Source) for used in strategy.requires)


def planning_reads_no_weight(case: TransferCase) -> None:
    """The plan on the meta device promises, freezes and reports the same as the plan on real nets."""
    chosen = resolve_strategies([case.spec])
    real = report_on(plan(case.source(), case.gan(), chosen), case.component, "")
    meta = report_on(plan(case.source("meta"), case.gan("meta"), chosen), case.component, "")
    assert real.rows == meta.rows


def planning_changes_neither_source_nor_random_numbers(case: TransferCase) -> None:
    """The autoencoder stays as it was through planning, applying and training; nothing is drawn from the global
    stream."""
    source = case.source()
    before, state = copied(source), torch.get_rng_state()
    trainer = trainer_of(case, case.transferred(source, case.gan()))
    steps(trainer, 2)
    assert same(before, source.state_dict()), "the source's weights changed"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was drawn from"


def applying_twice_gives_the_same_values(case: TransferCase) -> None:
    """Nothing is random: two applications to equal nets give equal bits."""
    first, second = (nets_of(case.transferred(case.source(), case.gan())) for _ in range(2))
    for net, module in first.items():
        assert same(copied(module), second[net].state_dict()), f"{net} differs"


def every_edit_names_a_tensor_and_its_origin(case: TransferCase) -> None:
    """The report can say of every tensor where it came from. `source.<role>` is a net of the autoencoder's copy, which
    a control may draw afresh."""
    planned = case.transferred(case.source(), case.gan())
    nets = nets_of(planned) | {f"source.{role}": part for role, part in case.source("meta").parts.items()}
    for edit in planned.edits:
        origins = ("copied", "adapted", "fitted", *(("fresh",) if edit.net.startswith("source.") else ()))
        assert edit.origin in origins, f"origin {edit.origin!r}"
        assert edit.how, f"{edit.net}.{edit.tensor} does not say how"
        assert edit.net in nets, f"there is no net {edit.net!r}"
        assert edit.tensor in nets[edit.net].state_dict(), f"{edit.net} has no tensor {edit.tensor!r}"


def the_report_is_complete(case: TransferCase) -> None:
    """It lists every tensor of the final nets once; what an edit promised is not fresh, what is frozen is said so."""
    planned = case.transferred(case.source(), case.gan())
    report = report_on(planned, case.component, "")
    rows = {(row.net, row.tensor): row for row in report.rows}
    assert len(rows) == len(report.rows), "a tensor is listed twice"
    listed = {id(nets_of(planned)[net].state_dict(keep_vars=True)[tensor]) for net, tensor in rows}
    every = {id(t) for module in nets_of(planned).values() for t in module.state_dict(keep_vars=True).values()}
    assert every <= listed, f"{len(every - listed)} tensors are not in the report"
    for net, names in planned.required_tensors.items():
        fresh = [name for name in names if (net, name) in rows and rows[net, name].origin == "fresh"]
        assert not fresh, f"{net}.{fresh[0]} was promised and is fresh"
    for net, names in planned.frozen.items():
        assert names <= set(nets_of(planned)[net].state_dict()), f"frozen names that {net} does not have"


# ---------------------------------------------------------------- training


def a_neutral_strategy_equals_scratch(case: TransferCase) -> None:
    """Its `noop_config()` gives scratch's nets bit for bit after 20 steps; if there is none, its docstring says
    why, and a strategy that only copies (it fills G or D, and at most a schedule) equals scratch if it is given the
    scratch nets' own weights as an autoencoder."""
    strategy = case.strategy()
    config = strategy.noop_config()
    if config is not None:
        part = PartSpec(case.registered.id, to_plain(config))
        equal_to_scratch(case, case.source(), part)
        return
    reason = type(strategy).noop_config.__doc__ or ""
    assert reason, "neutral() gives None and its docstring does not say why"
    nets = {Slot.GENERATOR, Slot.DISCRIMINATOR}
    if strategy.slots & nets and strategy.slots <= nets | {Slot.SCHEDULE}:
        equal_to_scratch(case, self_source(case), case.spec)


def frozen_tensors_stay_and_are_in_no_optimiser(case: TransferCase) -> None:
    """Hash-equal after 10 steps, buffers too; no gradient, no optimiser; frozen modules and teachers in eval mode."""
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
    learning = {id(weight) for optimizer in trainer.optimizers.values() for weight in optimizer.parameters}
    for name, tensor in frozen.items():
        assert torch.equal(before[name], tensor), f"{name} is frozen and changed"
        assert id(tensor) not in learning, f"{name} is frozen and in an optimiser"
        assert tensor.grad is None, f"{name} is frozen and has a gradient"
    theirs = {id(weight) for weight in source.parameters()}
    assert not theirs & learning, "a weight of the source is in an optimiser"
    for net, module in nets.items():
        for name, part in module.named_modules():
            own = [id(weight) for weight in part.parameters()]
            if own and theirs.issuperset(own):
                assert not part.training, f"{net}.{name} belongs to the source and is not in eval mode"


def data_and_codes_come_in_the_same_order(case: TransferCase) -> None:
    """Two strategies with one seed see the same batches and, while the prior is the same, draw the same codes, else
    paired seeds are void. What a strategy's own losses draw is its own."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.gan()), images, _TRAINING, seed=0)
    ours = trainer_of(case, case.transferred(case.source(), case.gan()))
    assert torch.equal(steps(scratch, 5), steps(ours, 5)), "the batches differ"
    slots = case.strategy().slots
    own = {"codes": slots & {Slot.PRIOR, Slot.TASK}, "losses": slots & {Slot.OBJECTIVE, Slot.LOSS, Slot.RECIPE}}
    for name, rng in scratch.streams.items():
        assert own.get(name) or torch.equal(rng.get_state(), ours.streams[name].get_state()), (
            f"the stream {name!r} differs"
        )


def the_first_step_is_finite_and_moves_the_generator(case: TransferCase) -> None:
    """Losses are numbers, and the generator gets a gradient unless a schedule lets it rest; nothing moves only where
    the plan freezes every weight of both sides."""
    trainer = trainer_of(case, case.transferred(case.source(), case.gan()))
    scalars = trainer.step(torch.arange(8), 0)
    if not any(optimizer.parameters for optimizer in trainer.optimizers.values()):
        nets, frozen = trainer.gan.parts, trainer.plan.frozen
        left = {
            f"{net}.{name}"
            for net in ("generator", "discriminator")
            for name, _ in nets[net].named_parameters()
            if name not in frozen.get(net, ())
        }
        assert not left, f"no optimiser holds {min(left)}, and the plan does not freeze it"
        return
    assert scalars, "nothing moved"
    assert all(torch.isfinite(value).all() for value in scalars.values()), f"{scalars}"
    if "g_loss" in scalars:
        weights = trainer.optimizers[Side.GENERATOR].parameters
        assert any(w.grad is not None and w.grad.any() for w in weights), "no gradient reaches the generator"


def a_saved_state_continues_to_the_bit(case: TransferCase) -> None:
    """Planned again, not applied, and filled from a checkpoint, it takes the same next steps."""
    trainer = trainer_of(case, case.transferred(case.source(), case.gan()))
    steps(trainer, 3)
    again = plan(case.source("meta"), case.gan(), resolve_strategies([case.spec]))
    twin = trainer_of(case, again)
    for name, module in trainer.modules.items():
        twin.modules[name].load_state_dict(copied(module), strict=True)
    for name, optimizer in trainer.optimizers.items():
        twin.optimizers[name].load_state_dict({k: v.clone() for k, v in optimizer.state_dict().items()})
    for name, rng in trainer.streams.items():
        twin.streams[name].set_state(rng.get_state())
    rows = torch.arange(8)
    for shown in (24, 32):
        trainer.step(rows, shown)
        twin.step(rows, shown)
    for name, module in trainer.modules.items():
        assert same(copied(module), twin.modules[name].state_dict()), f"{name} differs after resuming"


# ---------------------------------------------------------------- helpers


def equal_to_scratch(case: TransferCase, source: Autoencoder, part: PartSpec) -> None:
    """20 steps of the strategy and of scratch give the same bits in every net that scratch has, found where the
    strategy's `wraps` say that it sits."""
    images = case.images()
    scratch = GANTrainer(TransferPlan(case.gan()), images, _TRAINING, seed=0)
    ours = trainer_of(case, case.transferred(source, case.gan(), part))
    steps(scratch, STEPS)
    steps(ours, STEPS)
    strategy = cast(TransferStrategy, plugins.build("transfer", part))
    wraps = strategy.plan(case.source("meta"), case.gan("meta")).wraps
    for name in ("prior", "generator", "discriminator", "ema"):
        theirs, mine = scratch.modules[name].state_dict(), ours.modules[name].state_dict()
        inner = wraps.get("generator" if name == "ema" else name)
        for key, value in theirs.items():
            twin = mine.get(f"{inner}.{key}" if inner else key)
            assert twin is not None, f"{name} has no tensor {key} of scratch"
            assert torch.equal(value, twin), f"{name}.{key} differs from scratch after {STEPS} steps"


def trainer_of(case: TransferCase, planned: TransferPlan) -> GANTrainer:
    """The plan in training, with the settings that it asks for."""
    plain = {**to_plain(_TRAINING), **planned.recipe}
    training = from_plain(AdversarialTraining, plain, str(case))
    return GANTrainer(planned, case.images(), training, seed=0)


def self_source(case: TransferCase) -> Autoencoder:
    """An autoencoder that holds the scratch GAN's own weights."""
    scratch, specs = case.gan(), case.source("meta").specs
    source = build_autoencoder(specs, case.data, case.latent_dim, seed=1)
    source.decoder.load_state_dict(copied(scratch.generator))
    source.encoder.load_state_dict(copied(cast(nn.Module, scratch.discriminator.encoder)))
    return source.eval()


def steps(trainer: GANTrainer, count: int) -> Tensor:
    """Take steps as the loop would; the rows that were shown."""
    batches = Batches(trainer.images.train, _TRAINING.batch, trainer.streams["data"])
    shown = []
    for i in range(count):
        shown.append(batches.next())
        trainer.step(shown[-1], i * _TRAINING.batch)
    return torch.cat(shown)


def copied(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's state."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two states are equal, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _images(data: DataSpec) -> ImageSet:
    rng = stream(0, "conformance")
    pixels = (torch.rand(64, *data.shape, generator=rng) * 255).to(torch.uint8)
    rows = torch.arange(64)
    return ImageSet("noise", data, pixels, None, rows[:48], rows[48:], "CC0-1.0", "")


TRANSFER_CHECKS: tuple[Callable[[Any], None], ...] = (
    *COMPONENT_CHECKS,
    fills_and_uses_are_slots_and_sources,
    planning_reads_no_weight,
    planning_changes_neither_source_nor_random_numbers,
    applying_twice_gives_the_same_values,
    every_edit_names_a_tensor_and_its_origin,
    the_report_is_complete,
    a_neutral_strategy_equals_scratch,
    frozen_tensors_stay_and_are_in_no_optimiser,
    data_and_codes_come_in_the_same_order,
    the_first_step_is_finite_and_moves_the_generator,
    a_saved_state_continues_to_the_bit,
)
