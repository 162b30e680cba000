"""The contracts of the zoo: two kinds of network, what is composed of them, and what a transfer may change.

An encoder turns a sample into features, a generator turns a code into a sample; everything else is made of
the two. Contracts are typing protocols over `torch.nn.Module`. `zoo.networks.checks` holds a component to
its contract for real (signatures, then shapes); `isinstance` alone is not enough.

This module imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from zoo.specs import DataSpec

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator as Rng
    from torch import Tensor, nn

    from zoo.networks.autoencoder import Autoencoder
    from zoo.networks.gan import GAN

__all__ = [
    "AdversarialObjective",
    "AutoencoderObjective",
    "Bottleneck",
    "Dataset",
    "Discriminator",
    "Edit",
    "Encoder",
    "FeatureSpace",
    "Features",
    "Game",
    "Generator",
    "Judgement",
    "Losses",
    "Posterior",
    "Prior",
    "Regulariser",
    "Round",
    "Schedule",
    "Side",
    "Slot",
    "Source",
    "Stage",
    "Steered",
    "Term",
    "Transfer",
    "TransferStrategy",
    "Values",
]


# ---------------------------------------------------------------- what networks hand each other


class Features(NamedTuple):
    """What an encoder sees in a batch: the embedding `(N, embedding_dim)` and its stages, fine to coarse.

    Stage i is `(N, stage_channels[i], ...)`: channels always come second, never last.
    """

    embedding: Tensor
    stages: tuple[Tensor, ...]


class Posterior(NamedTuple):
    """A code's distribution: mean `(N, latent_dim)` and log-variance of the same shape, or None if a point."""

    mean: Tensor
    logvar: Tensor | None


class Judgement(NamedTuple):
    """What a discriminator says of a batch: realness `(N, k)`, unbounded logits, higher is more real."""

    realness: Tensor
    stages: tuple[Tensor, ...]


class Losses(NamedTuple):
    """A loss to minimise and the figures that it is made of, all scalars."""

    total: Tensor
    parts: Mapping[str, Tensor]


# ---------------------------------------------------------------- the networks


@runtime_checkable
class Encoder(Protocol):
    """x `(N, *data.shape)` -> features. Built by `encoder(config, data)`."""

    data: DataSpec
    stage_channels: tuple[int, ...]
    embedding_dim: int

    def features(self, x: Tensor) -> Features: ...
    def forward(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Generator(Protocol):
    """z `(N, latent_dim)` -> x `(N, *data.shape)` in the value range. Built by `generator(config, data, latent_dim)`.

    `first` is the entry layer that a linear map of z can be folded into; None where there is none.
    """

    data: DataSpec
    latent_dim: int
    first: nn.Linear | None

    def forward(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Bottleneck(Protocol):
    """Embedding -> code. Built by `bottleneck(config, embedding_dim, latent_dim)`."""

    latent_dim: int

    def forward(self, embedding: Tensor) -> Posterior: ...


@runtime_checkable
class Discriminator(Protocol):
    """x -> realness. Built by `discriminator(config, data)`; one built from an encoder has `.encoder` and `.head`.

    `logit_groups` says how many of the k logits belong to each judge: objectives average inside a group and
    sum over groups.
    """

    data: DataSpec
    logit_groups: tuple[int, ...]

    def judge(self, x: Tensor) -> Judgement: ...


@runtime_checkable
class Prior(Protocol):
    """What codes are drawn from; whatever it has learnt sits in buffers. Built by `prior(config, latent_dim)`."""

    latent_dim: int

    def sample(self, n: int, rng: Rng | None = None) -> Tensor: ...


# ---------------------------------------------------------------- training


class Side(StrEnum):
    """The two players of a game."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"


@dataclass(slots=True)
class Round:
    """What lies on the table when one side moves.

    `real` and `fake` are what is judged, `(N, ...)`; `z` the codes of `fake`; `indices` the rows of the data
    set that `real` came from (for cached codes); `shown` how many real images were shown before this step.
    `real_judgement` is None where no one asked for it.
    """

    real: Tensor
    fake: Tensor
    z: Tensor
    indices: Tensor
    shown: int
    judge: Callable[[Tensor], Judgement]
    generate: Callable[[Tensor], Tensor]
    groups: tuple[int, ...]
    fake_judgement: Judgement
    real_judgement: Judgement | None = None
    rng: Rng | None = None
    to_latent: Callable[[Tensor], Tensor] | None = None
    view: Callable[[Tensor], Tensor] | None = None

    def seen(self, x: Tensor) -> Tensor:
        """Images as the discriminator sees them in this round: augmented like `real` and `fake`."""
        return x if self.view is None else self.view(x)

    def latent(self, code: Tensor) -> Tensor:
        """A code of the source as this GAN's z."""
        return code if self.to_latent is None else self.to_latent(code)


@runtime_checkable
class AutoencoderObjective(Protocol):
    """What an autoencoder minimises. Built by `objective(config)`.

    One that is an `nn.Module` has `prepare(autoencoder)`, called once, which builds its nets for the autoencoder; their
    parameters are trained along and saved with the run.
    """

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: Rng) -> Losses: ...


@runtime_checkable
class AdversarialObjective(Protocol):
    """What the two sides of a GAN minimise; state that must be saved sits in buffers. Built by `objective(config)`.

    `paired` says that the generator's loss needs the judgement of the real batch too.
    `after` runs once a step, after both sides moved, on what the last one saw: the realness of the whole batch, also
    where it was cut into parts or spread over processes, without stages; the samples are those of this process's part.
    """

    paired: bool

    def d_loss(self, game: Round) -> Tensor: ...
    def g_loss(self, game: Round) -> Tensor: ...
    def after(self, game: Round) -> None: ...


@runtime_checkable
class Regulariser(Protocol):
    """A penalty on the discriminator, due every `interval` steps and then weighted `interval` times.

    `inputs` names what must carry gradients when it is due: `"real"`, `"fake"`. Built by `regulariser(config)`. One
    that has `settle(data, batch)` is told before training what it will judge and how many at once.
    """

    interval: int
    inputs: frozenset[str]

    def penalty(self, game: Round) -> Tensor: ...


@runtime_checkable
class Game(Protocol):
    """What is judged: images by default, codes for a GAN on codes.

    `players(side)` are the modules that a side trains; the generator moves every `every`-th step; `groups` are the
    judge's logit groups. A game that is an `nn.Module` has state of its own, which is saved with the run.
    """

    every: int

    @property
    def groups(self) -> tuple[int, ...]: ...

    def real(self, images: Tensor, indices: Tensor) -> Tensor: ...
    def fake(self, z: Tensor) -> Tensor: ...
    def judge(self, x: Tensor) -> Judgement: ...
    def players(self, side: Side) -> Mapping[str, nn.Module]: ...


@runtime_checkable
class Term(Protocol):
    """A loss that a strategy adds to one side: an `nn.Module` whose weight depends on the images shown.

    A term of weight 0 is not called. `needs_real` asks for the real batch's judgement; `needs_images` says that it
    looks at `real` or `fake` as images, so that it does not fit a game on codes.
    """

    side: Side
    needs_real: bool
    needs_images: bool

    def weight(self, shown: int) -> float: ...
    def forward(self, game: Round) -> Tensor: ...


class Schedule(Protocol):
    """A multiplier over images shown; a side whose learning rate is multiplied by 0 rests."""

    def __call__(self, shown: int) -> float: ...


@runtime_checkable
class Steered(Protocol):
    """A setting that follows a measured figure, such as a warm-up that ends early: an `nn.Module`, whose buffers are
    saved with the run.

    `figure` is one of a step's (`d_wins`, `d_sign`, ...), averaged over `every` steps. A `Schedule` that is one is
    steered by the training loop.
    """

    figure: str
    every: int

    def wants(self, shown: int) -> bool:
        """Whether the figure of a step that begins after `shown` images is to be followed."""

    def follow(self, value: float, shown: int, images: int) -> None:
        """Take the mean over the last `images`; `shown` images were shown with them."""


# ---------------------------------------------------------------- transfer


class Slot(StrEnum):
    """What a strategy fills. Strategies are planned in this order, whatever order they are written in."""

    SOURCE = "source"
    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"
    PRIOR = "prior"
    OBJECTIVE = "objective"
    GAME = "game"
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
            Slot.GAME,
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


class Values(Protocol):
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
    autoencoder that later strategies read in its place (controls). `origin` is `copied`, `adapted` or `fitted`, `how`
    the bridge's or fit's name and what it took; `value` computes the new tensor and is never called while planning or
    resuming.
    """

    net: str
    tensor: str
    origin: str
    how: str
    value: Callable[[Values], Tensor]


@dataclass(slots=True)
class Stage:
    """What changes once a part of the budget, `after` (0 to 1), is spent.

    `thaws` names, per net, frozen tensors that learn from there on; `game` takes the place of the one before; its
    `schedules` multiply too, over the images shown since the stage began.
    """

    after: float
    thaws: dict[str, set[str]] = field(default_factory=dict)
    game: Game | None = None
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)


@dataclass(slots=True)
class Transfer:
    """A plan: the GAN's structure after the transfer, and what moves into it once it is applied.

    Plans are structure only, so they are made on the meta device as well as anywhere else.
    `promised` names, per net, the tensors that must get a value; fewer is a failure. `wraps` says of a net that was put
    inside another one under which name it now sits there, so that what was planned for it follows. `recipe` are the
    training settings that a strategy needs. `stages` begin while the run goes on.
    """

    gan: GAN
    edits: list[Edit] = field(default_factory=list)
    frozen: dict[str, set[str]] = field(default_factory=dict)
    terms: dict[str, nn.Module] = field(default_factory=dict)
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)
    objective: nn.Module | None = None
    game: Game | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    to_latent: nn.Module | None = None
    promised: dict[str, set[str]] = field(default_factory=dict)
    wraps: dict[str, str] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class TransferStrategy(Protocol):
    """What moves from an autoencoder into a GAN. Built by `transfer(config)`.

    `plan` reads no weight and no data. `neutral` is the config in which the strategy equals scratch bit for
    bit, or None where there is none (the docstring says why).
    """

    fills: frozenset[Slot]
    uses: frozenset[Source]

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer: ...
    def neutral(self) -> Any | None: ...


# ---------------------------------------------------------------- data and metrics


@runtime_checkable
class Dataset(Protocol):
    """Real images. Built by `dataset(config)`, from files that came with the plugin; never downloads in silence.

    `images` is uint8, `(N, H, W)` or `(N, H, W, C)`; `labels` `(N,)` or None; `train` marks the rows to learn
    from, the others are held out. `spec` is how they are best prepared; `license` (SPDX) and `credit` travel
    into every release made from them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    train: np.ndarray
    spec: DataSpec
    license: str
    credit: str


@runtime_checkable
class FeatureSpace(Protocol):
    """A frozen network in whose features distances are measured (`metric` components). Built by `metric(config)`.

    `sha256` identifies its weights; `features` takes images `(N, C, H, W)` in [-1, 1], any C and size, and gives
    `(N, dim)` float32 in eval mode.
    """

    sha256: str
    dim: int

    def features(self, images: Tensor) -> Tensor: ...
