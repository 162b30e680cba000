"""What a transfer may change, and how a strategy plans it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from zoo.losses.types import Side
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput

__all__ = [
    "ApplyContext",
    "Edit",
    "FeedbackSchedule",
    "GANTask",
    "Schedule",
    "Slot",
    "Source",
    "TrainingPhase",
    "TransferPlan",
    "TransferStrategy",
]


@runtime_checkable
class GANTask(Protocol):
    """What is judged: images by default, codes for a GAN on codes.

    `trained_modules(side)` are the modules that a side trains; the generator moves every `every`-th step; `groups` are the
    judge's logit groups. A game that is an `nn.Module` has state of its own, which is saved with the run.
    """

    every: int

    @property
    def groups(self) -> tuple[int, ...]: ...

    def real(self, images: Tensor, indices: Tensor) -> Tensor: ...
    def fake(self, z: Tensor) -> Tensor: ...
    def discriminate(self, x: Tensor) -> DiscriminatorOutput: ...
    def trained_modules(self, side: Side) -> Mapping[str, nn.Module]: ...


class Schedule(Protocol):
    """A multiplier over images shown; a side whose learning rate is multiplied by 0 rests."""

    def __call__(self, shown: int) -> float: ...


@runtime_checkable
class FeedbackSchedule(Protocol):
    """A setting that follows a measured figure, such as a warm-up that ends early: an `nn.Module`, whose buffers are
    saved with the run.

    `figure` is one of a step's (`d_wins`, `d_sign`, ...), averaged over `every` steps. A `Schedule` that is one is
    steered by the training loop.
    """

    figure: str
    every: int

    def wants(self, shown: int) -> bool:
        """Whether the figure of a step that begins after `shown` images is to be followed."""

    def update(self, value: float, shown: int, images: int) -> None:
        """Take the mean over the last `images`; `shown` images were shown with them."""


class Slot(StrEnum):
    """What a strategy fills. Strategies are planned in this order, whatever order they are written in."""

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
        """Whether only one strategy may fill it; the others add up."""
        return self in (
            Slot.SOURCE,
            Slot.GENERATOR,
            Slot.DISCRIMINATOR,
            Slot.PRIOR,
            Slot.OBJECTIVE,
            Slot.TASK,
        )


class Source(StrEnum):
    """What a strategy uses of the autoencoder, and of the images to learn from (`codes`, `images`)."""

    ENCODER = "encoder"
    BOTTLENECK = "bottleneck"
    DECODER = "decoder"
    CODES = "codes"
    IMAGES = "images"

    @property
    def needs_data(self) -> bool:
        """Whether the target's images must be at hand."""
        return self in (Source.CODES, Source.IMAGES)


class ApplyContext(Protocol):
    """What an `Edit` may read when it is applied: the source, the target's images to learn from and their mean codes,
    the nets as the edits before it left them."""

    source: Autoencoder
    nets: Mapping[str, nn.Module]

    def images(self) -> Tensor: ...
    def codes(self) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Edit:
    """One tensor of one net that gets a value when the plan is applied.

    `net` is `generator`, `discriminator`, `prior`, `to_latent`, `objective`, `game` or `terms.<name>`; `tensor` its
    name in that net's state dict. `source.encoder`, `source.bottleneck` and `source.decoder` are a copy of the
    autoencoder that later strategies read in its place (controls). `origin` is `copied`, `adapted` or `fitted`, in
    that copy also `fresh` (drawn anew), `how` the bridge's or fit's name and what it took; `value` computes the new
    tensor and is never called while planning or resuming.
    """

    net: str
    tensor: str
    origin: str
    how: str
    value: Callable[[ApplyContext], Tensor]


@dataclass(slots=True)
class TrainingPhase:
    """What changes once a part of the budget, `after` (0 to 1), is spent.

    `unfreezes` names, per net, frozen tensors that learn from there on; `game` takes the place of the one before; its
    `schedules` multiply too, over the images shown since the stage began.
    """

    after: float
    unfreezes: dict[str, set[str]] = field(default_factory=dict)
    task: GANTask | None = None
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)


@dataclass(slots=True)
class TransferPlan:
    """A plan: the GAN's structure after the transfer, and what moves into it once it is applied.

    Plans are structure only, so they are made on the meta device as well as anywhere else.
    `required_tensors` names, per net, the tensors that must get a value; fewer is a failure. `wraps` says of a net that was put
    inside another one under which name it now sits there, so that what was planned for it follows. `recipe` are the
    training settings that a strategy needs. `stages` begin while the run goes on.
    """

    gan: GAN
    edits: list[Edit] = field(default_factory=list)
    frozen: dict[str, set[str]] = field(default_factory=dict)
    losses: dict[str, nn.Module] = field(default_factory=dict)
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)
    objective: nn.Module | None = None
    task: GANTask | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    to_latent: nn.Module | None = None
    required_tensors: dict[str, set[str]] = field(default_factory=dict)
    wraps: dict[str, str] = field(default_factory=dict)
    stages: list[TrainingPhase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class TransferStrategy(Protocol):
    """What moves from an autoencoder into a GAN. Built by `transfer(config)`.

    `plan` reads no weight and no data. `noop_config` is the config in which the strategy equals scratch bit for
    bit, or None where there is none (the docstring says why).
    """

    slots: frozenset[Slot]
    requires: frozenset[Source]

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan: ...
    def noop_config(self) -> Any | None: ...
