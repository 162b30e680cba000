"""The contracts of losses, and the step that they are computed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Generator as Rng
from torch import Tensor

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.types import DiscriminatorOutput

__all__ = [
    "AdversarialObjective",
    "AutoencoderObjective",
    "AuxiliaryLoss",
    "Losses",
    "Regulariser",
    "Side",
    "StepContext",
]


class Losses(NamedTuple):
    """A loss to minimise and the figures that it is made of, all scalars."""

    total: Tensor
    parts: Mapping[str, Tensor]


class Side(StrEnum):
    """The two players of a game."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"


@dataclass(slots=True)
class StepContext:
    """What lies on the table when one side moves.

    `real` and `fake` are what is judged, `(N, ...)`; `z` the codes of `fake`; `indices` the rows of the data
    set that `real` came from (for cached codes); `shown` how many real images were shown before this step.
    `real_output` is None where no one asked for it.
    """

    real: Tensor
    fake: Tensor
    z: Tensor
    indices: Tensor
    shown: int
    discriminate: Callable[[Tensor], DiscriminatorOutput]
    generate: Callable[[Tensor], Tensor]
    groups: tuple[int, ...]
    fake_output: DiscriminatorOutput
    real_output: DiscriminatorOutput | None = None
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

    def d_loss(self, context: StepContext) -> Tensor: ...
    def g_loss(self, context: StepContext) -> Tensor: ...
    def after(self, context: StepContext) -> None: ...


@runtime_checkable
class Regulariser(Protocol):
    """A penalty on the discriminator, due every `interval` steps and then weighted `interval` times.

    `inputs` names what must carry gradients when it is due: `"real"`, `"fake"`. Built by `regulariser(config)`. One
    that has `settle(data, batch)` is told before training what it will judge and how many at once.
    """

    interval: int
    inputs: frozenset[str]

    def penalty(self, context: StepContext) -> Tensor: ...


@runtime_checkable
class AuxiliaryLoss(Protocol):
    """A loss that a strategy adds to one side: an `nn.Module` whose weight depends on the images shown.

    A term of weight 0 is not called. `needs_real` asks for the real batch's judgement; `needs_images` says that it
    looks at `real` or `fake` as images, so that it does not fit a game on codes. One that has a `balance`
    (`zoo.training.optim.Balance`) is scaled by it, so that its gradient keeps its share.
    """

    side: Side
    needs_real: bool
    needs_images: bool

    def weight(self, shown: int) -> float: ...
    def forward(self, context: StepContext) -> Tensor: ...
