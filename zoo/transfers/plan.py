"""Transfer plans: what a strategy may change in a GAN, and the values to write into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from torch import Tensor, nn

from zoo.losses.types import AdversarialObjective, AuxiliaryLoss, Side
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.encoder_source import EncoderSource
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput
from zoo.transfers.fit_cost import FitCost
from zoo.types import DataSpec

__all__ = [
    "ApplyContext",
    "Edit",
    "FurtherSource",
    "GANTask",
    "Schedule",
    "Slot",
    "Source",
    "TrainingPhase",
    "TransferPlan",
    "TransferStrategy",
    "edit_each",
    "source_part",
]


class GANTask(Protocol):
    """What the discriminator compares: real and generated samples by default, codes in a GAN on codes.

    `judges` says what its inputs are: augmentation and losses that do not fit them are refused. The generator is
    trained at every `every`-th step; `groups` are the discriminator's logit groups. A task that is an
    `nn.Module` has state, which is saved with the run.
    """

    every: int

    @property
    def judges(self) -> DataSpec: ...

    @property
    def groups(self) -> tuple[int, ...]: ...

    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """The discriminator's real input for a batch of images (rows `indices` of the data set)."""

    def fake(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """The discriminator's generated input for noise z and, if the data is labelled, the samples' condition."""

    def discriminate(self, x: Tensor, condition: Tensor | None) -> DiscriminatorOutput:
        """Logits and features."""

    def trained_modules(self, side: Side) -> Mapping[str, nn.Module]:
        """The modules that a side trains."""


class Schedule(Protocol):
    """A factor of a learning rate after `shown` images; at 0 the side is not trained. One that is also a
    `FeedbackSchedule` is updated by the trainer."""

    def __call__(self, shown: int) -> float: ...


class Slot(StrEnum):
    """What a strategy changes. Strategies are planned in this order, in whatever order they are written."""

    SOURCE = "source"
    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"
    PRIOR = "prior"
    OBJECTIVE = "objective"
    TASK = "task"
    FREEZE = "freeze"
    WRAP = "wrap"
    LOSS = "loss"
    SCHEDULE = "schedule"
    RECIPE = "recipe"

    @property
    def exclusive(self) -> bool:
        """Whether only one strategy may use it; several may use the others."""
        return self in (Slot.SOURCE, Slot.GENERATOR, Slot.DISCRIMINATOR, Slot.PRIOR, Slot.OBJECTIVE, Slot.TASK)


class Source(StrEnum):
    """What a strategy uses of the autoencoder and of the training images (`codes`, `images`). With `gan` the transfer's
    source is a trained GAN of codes: that is planned in place of a fresh one, and the autoencoder is its first stage.
    """

    ENCODER = "encoder"
    BOTTLENECK = "bottleneck"
    DECODER = "decoder"
    CODES = "codes"
    IMAGES = "images"
    GAN = "gan"

    @property
    def needs_data(self) -> bool:
        """Whether training images of the target are needed."""
        return self in (Source.CODES, Source.IMAGES)


FurtherSource = Autoencoder | EncoderSource
"""What a strategy can use beside the autoencoder that a transfer starts from."""


class ApplyContext(Protocol):
    """What an `Edit` can use: the source, the further sources by name, and the nets as earlier edits left them; of the
    target's training rows the images, the source's mean codes of them, and their classes `(N,)` or attributes
    `(N, k)`, None for data without labels."""

    source: Autoencoder
    further: Mapping[str, FurtherSource]
    nets: Mapping[str, nn.Module]

    def images(self) -> Tensor: ...
    def codes(self) -> Tensor: ...
    def labels(self) -> Tensor | None: ...


@dataclass(frozen=True, slots=True)
class Edit:
    """A value for one tensor of one net, computed when the plan is applied.

    `net` is `generator`, `discriminator`, `prior`, `to_latent`, `objective`, `task` or `losses.<name>`; `tensor` the
    name in that net's state dict. `source.encoder`, `source.bottleneck` and `source.decoder` are a copy of the
    autoencoder, which later strategies read in its place (controls). `origin` is `copied`, `adapted` or `fitted`, in
    that copy also `fresh` (initialised anew); `how` names the source tensor, the mapping or the fit; `value` computes
    the new tensor and is never called while planning or resuming.
    """

    net: str
    tensor: str
    origin: str
    how: str
    value: Callable[[ApplyContext], Tensor]


def edit_each(
    net: str,
    names: Iterable[str],
    origin: str,
    how: str,
    tensors: Callable[[ApplyContext], Mapping[str, Tensor]],
    prefix: str = "",
) -> list[Edit]:
    """An edit for each tensor in `names` of `net`, called `prefix + name` there, with the value `tensors(...)[name]`.
    Use `memoize`, so that they are computed once."""

    def value_of(name: str) -> Callable[[ApplyContext], Tensor]:
        return lambda context: tensors(context)[name]

    return [Edit(net, f"{prefix}{name}", origin, how, value_of(name)) for name in names]


def source_part(context: ApplyContext, role: str) -> nn.Module:
    """The module `encoder`, `bottleneck` or `decoder` of the source; `second/encoder` is that of the further source
    `second`."""
    name, _, part = role.rpartition("/")
    source = context.further[name] if name else context.source
    return source.parts[part]


@dataclass(slots=True)
class TrainingPhase:
    """What changes once the fraction `after` (0 to 1) of the budget is spent.

    `unfreezes` names, per net, frozen tensors that are trained from then on; `task` replaces the one before; the
    phase's `schedules` multiply with the others, and count images from its start.
    """

    after: float
    unfreezes: dict[str, set[str]] = field(default_factory=dict)
    task: GANTask | None = None
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)


@dataclass(slots=True)
class TransferPlan:
    """The GAN's structure after a transfer, and what is written into it when the plan is applied.

    A plan is structure alone, so it can be made on the meta device. `required_tensors` names, per net, the tensors that
    must get a value; if one gets none, planning fails. If a strategy puts a net inside another one, `wraps` gives the
    name under which it is found there, so that earlier edits still apply. `recipe` are training settings that a
    strategy needs, `phases` begin during the run, `notes` are lines for the user. `fit_costs` gives, by the `how` of a
    fit's edits, what it costs for a number of images.
    """

    gan: GAN
    edits: list[Edit] = field(default_factory=list)
    frozen: dict[str, set[str]] = field(default_factory=dict)
    losses: dict[str, AuxiliaryLoss] = field(default_factory=dict)
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)
    objective: AdversarialObjective | None = None
    task: GANTask | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    to_latent: nn.Module | None = None
    required_tensors: dict[str, set[str]] = field(default_factory=dict)
    wraps: dict[str, str] = field(default_factory=dict)
    phases: list[TrainingPhase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fit_costs: dict[str, Callable[[int], FitCost]] = field(default_factory=dict)


class TransferStrategy:
    """Plans what moves from an autoencoder into a GAN. Built by `transfer(config)`. Inherit from it.

    Strategies are planned by ascending `order`, then in the order of their slots. One with `class_decoder` goes on from
    a decoder that takes a class; any other that requires the decoder is refused there. `further` names the further
    sources that it uses, of which each must be given: an autoencoder, or an encoder alone. A strategy with further
    sources defines `plan_from`, every other one `plan`.
    """

    slots: frozenset[Slot]
    requires: frozenset[Source]
    order: int = 0
    class_decoder: bool = False
    further: tuple[str, ...] = ()

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The plan for a GAN as earlier strategies left it. Reads no weight and no data."""
        raise NotImplementedError

    def plan_from(self, source: Autoencoder, further: Mapping[str, FurtherSource], gan: GAN) -> TransferPlan:
        """`plan`, with the further sources by name. Reads no weight and no data."""
        return self.plan(source, gan)

    def noop_config(self) -> Any | None:
        """The config in which the strategy equals training from scratch bit for bit; None if there is none (then its
        docstring says why)."""
        return None
