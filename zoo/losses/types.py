"""The contracts of objectives, regularisers and auxiliary losses, and the context that they get in a step."""

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
    """A loss to minimise, and its terms for the log; all scalars."""

    total: Tensor
    parts: Mapping[str, Tensor]


class Side(StrEnum):
    """The two networks of a GAN that are trained in turn."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"


@dataclass(slots=True, kw_only=True)
class StepContext:
    """What a loss can use in a training step of one side.

    `real` and `fake` are the discriminator's inputs, `(N, ...)`; `z` are the codes of `fake`; `indices` are the rows of
    `real` in the data set; `condition` are the classes `(N,)` or attributes `(N, k)` of both, or None; `discriminate`
    and `generate` use it. `shown` counts the real images before this step. `real_output` is None unless the objective
    or a loss needs it. `groups` are the discriminator's logit groups.
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
    condition: Tensor | None = None
    rng: Rng | None = None
    to_latent: Callable[[Tensor], Tensor] | None = None
    augmentation: Callable[[Tensor], Tensor] | None = None

    @property
    def real_logits(self) -> Tensor:
        """The logits of the real batch (N, k): D's losses always have them, G's only if one asks for them."""
        assert self.real_output is not None, "set `paired` or `needs_real` to use the real batch's logits"
        return self.real_output.logits

    def augmented(self, x: Tensor) -> Tensor:
        """Images with the augmentation that `real` and `fake` have in this step."""
        return x if self.augmentation is None else self.augmentation(x)

    def latent(self, code: Tensor) -> Tensor:
        """Codes of the source autoencoder, mapped to this GAN's z."""
        return code if self.to_latent is None else self.to_latent(code)


@runtime_checkable
class AutoencoderObjective(Protocol):
    """The loss of an autoencoder on a batch x; `shown` images came before this step. Built by `objective(config)`.

    If it is an `nn.Module`, it has `prepare(autoencoder, images)`, called once before a run of `images` images, which
    builds its own nets on the autoencoder's device; their parameters are trained too and saved with the run. Before a
    run begins, a copy is prepared on the meta device, so that what does not fit is refused.
    """

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: Rng, shown: int) -> Losses: ...


class AdversarialObjective(nn.Module):
    """The losses of a GAN's two sides. State to be saved must be a buffer. Built by `objective(config)`.

    `paired`: the generator's loss needs the logits of the real batch too.
    """

    paired: bool = False

    def d_loss(self, context: StepContext) -> Tensor:
        """The discriminator's loss, a scalar."""
        raise NotImplementedError

    def g_loss(self, context: StepContext) -> Tensor:
        """The generator's loss, a scalar."""
        raise NotImplementedError

    def after_step(self, context: StepContext) -> None:
        """Called once a step after both sides were trained. `context` has the logits of the whole batch, even if it was
        split into micro-batches or over processes, and no features. Does nothing by default."""


@runtime_checkable
class Regulariser(Protocol):
    """A penalty on the discriminator, added every `interval` steps with the weight `interval`.

    `inputs` names the batches that must require gradients: `"real"`, `"fake"`. Built by `regulariser(config)`. If it
    has `prepare(data, batch)`, that is called before training with the data spec and the batch size.

    If it is an `nn.Module`, it has `build(data, stages)`, called once after that with the spec of D's inputs and the
    shapes of D's feature stages, (c, ...) each, which builds its own nets: their parameters are trained with D and
    saved with the run, not with a release. It is also called on the meta device, so that what does not fit is refused
    before a run begins.
    """

    interval: int
    inputs: frozenset[str]

    def penalty(self, context: StepContext) -> Tensor: ...


class AuxiliaryLoss(nn.Module):
    """A loss that a strategy adds to one side. Inherit from it.

    `needs_real`: it needs the logits of the real batch. `needs_images`: it uses `real` or `fake` as the GAN's samples,
    and cannot be combined with a task that judges something else (codes). A `balance` keeps its gradient's norm in
    proportion to the adversarial loss's.
    """

    side: Side
    needs_real: bool = False
    needs_images: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.balance: GradientBalance | None = None

    def weight(self, shown: int) -> float:
        """The loss's factor after `shown` images; at 0 the loss is not computed."""
        raise NotImplementedError

    def forward(self, context: StepContext) -> Tensor:
        """A scalar."""
        raise NotImplementedError


class FeedbackSchedule(nn.Module):
    """A schedule that depends on a measured scalar, such as a warm-up that ends early. Inherit from it; its state must
    be buffers.

    `figure` is one of a step's scalars (`d_wins`, `d_sign`, ...), averaged over `every` steps and all processes.
    """

    figure: str
    every: int

    def wants(self, shown: int) -> bool:
        """Whether to include the step that begins after `shown` images in the average. True by default."""
        return True

    def update(self, value: float, shown: int, images: int) -> None:
        """Update with the mean `value` over the last `images`; `shown` counts all images so far."""
        raise NotImplementedError
