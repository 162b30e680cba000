"""What losses are given, and what they must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Generator as Rng, Tensor, nn

from zoo.losses.balance import GradientBalance
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.types import DiscriminatorOutput

__all__ = [
    "AdversarialObjective",
    "AutoencoderObjective",
    "AuxiliaryLoss",
    "FeedbackSchedule",
    "Losses",
    "Regulariser",
    "Side",
    "StepContext",
]


class Losses(NamedTuple):
    """A loss to minimise, and the figures that it is made of; all scalars."""

    total: Tensor
    parts: Mapping[str, Tensor]


class Side(StrEnum):
    """The two networks of a GAN that are trained in turn."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"


@dataclass(slots=True, kw_only=True)
class StepContext:
    """What a loss of one side can use in a training step.

    `real` and `fake` are the discriminator's inputs, `(N, ...)`; `z` the codes of `fake`; `indices` the rows of the
    data set that `real` came from (for cached codes); `shown` how many real images were shown before this step.
    `real_output` is None unless the objective or a loss needs it. `groups` are the discriminator's logit groups.
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
    augmentation: Callable[[Tensor], Tensor] | None = None

    @property
    def real_logits(self) -> Tensor:
        """The real batch's logits (N, k): D's losses have them, and G's if they ask for them."""
        assert self.real_output is not None, "set `paired` or `needs_real` to use the real batch's logits"
        return self.real_output.logits

    def augmented(self, x: Tensor) -> Tensor:
        """Images as the discriminator sees them in this step: augmented like `real` and `fake`."""
        return x if self.augmentation is None else self.augmentation(x)

    def latent(self, code: Tensor) -> Tensor:
        """A code of the source autoencoder as this GAN's z."""
        return code if self.to_latent is None else self.to_latent(code)


@runtime_checkable
class AutoencoderObjective(Protocol):
    """What an autoencoder minimises. Built by `objective(config)`.

    One that is an `nn.Module` has `prepare(autoencoder)`, called once, which builds its nets for the autoencoder; their
    parameters are trained too and saved with the run.
    """

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: Rng) -> Losses: ...


class AdversarialObjective(nn.Module):
    """What the two sides of a GAN minimise; state that must be saved is a buffer. Built by `objective(config)`.

    `paired` says that the generator's loss needs the real batch's logits too.
    """

    paired: bool = False

    def d_loss(self, context: StepContext) -> Tensor:
        """The discriminator's loss, a scalar."""
        raise NotImplementedError

    def g_loss(self, context: StepContext) -> Tensor:
        """The generator's loss, a scalar."""
        raise NotImplementedError

    def after_step(self, context: StepContext) -> None:
        """Called once a step, after both sides were trained, with the context of the last one: the logits of the whole
        batch, even if it was split into micro-batches or over processes, and no features. Does nothing by default."""


@runtime_checkable
class Regulariser(Protocol):
    """A penalty on the discriminator, added every `interval` steps with the weight `interval`.

    `inputs` names what must carry gradients then: `"real"`, `"fake"`. Built by `regulariser(config)`. One that has
    `prepare(data, batch)` gets the data spec and the batch size before training.
    """

    interval: int
    inputs: frozenset[str]

    def penalty(self, context: StepContext) -> Tensor: ...


class AuxiliaryLoss(nn.Module):
    """A loss that a strategy adds to one side. Inherit from it.

    `needs_real` asks for the real batch's logits; `needs_images` says that it uses `real` or `fake` as images, so that
    it does not fit a task on codes. With a `balance` its gradient keeps a fixed share of the side's own.
    """

    side: Side
    needs_real: bool = False
    needs_images: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.balance: GradientBalance | None = None

    def weight(self, shown: int) -> float:
        """Its factor after `shown` images. At 0 it is not computed."""
        raise NotImplementedError

    def forward(self, context: StepContext) -> Tensor:
        """A scalar."""
        raise NotImplementedError


class FeedbackSchedule(nn.Module):
    """A setting that follows a measured figure, such as a warm-up that ends early. Inherit from it; what it keeps is a
    buffer.

    `figure` is one of a step's scalars (`d_wins`, `d_sign`, ...), averaged over `every` steps and all processes.
    """

    figure: str
    every: int

    def wants(self, shown: int) -> bool:
        """Whether to count the figure of a step that begins after `shown` images. True by default."""
        return True

    def update(self, value: float, shown: int, images: int) -> None:
        """Use the mean over the last `images`; `shown` images were shown, these included."""
        raise NotImplementedError
