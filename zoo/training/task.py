"""The game that a GAN plays unless a strategy brings another one, and by which rules: objective and regulariser."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from zoo import plugins
from zoo.errors import ConfigError
from zoo.losses.types import AdversarialObjective, Regulariser, Side
from zoo.networks.compose import as_part
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec

__all__ = ["ImageTask", "objective_of", "regulariser_of"]


class ImageTask:
    """The usual game: images are judged, the generator moves every `every`-th step."""

    def __init__(self, gan: GAN, every: int = 1) -> None:
        self.gan = gan
        self.every = every

    @property
    def groups(self) -> tuple[int, ...]:
        """D's."""
        return self.gan.discriminator.logit_groups  # type: ignore[return-value]

    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """The batch as it is."""
        return images

    def fake(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.gan.generator(z)  # type: ignore[no-any-return]

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """D's judgement."""
        return self.gan.discriminator.discriminate(x)  # type: ignore[operator, no-any-return]

    def trained_modules(self, side: Side) -> dict[str, nn.Module]:
        """G, or D."""
        return {side.value: self.gan.parts[side.value]}


def objective_of(plan: TransferPlan, training: AdversarialTraining) -> AdversarialObjective:
    """The strategy's, else the recipe's. Raises ConfigError for one that trains no GAN."""
    objective = plan.objective or plugins.build("objective", as_part(training.objective))
    if not isinstance(objective, AdversarialObjective):
        raise ConfigError(
            f"objective {training.objective} does not train GANs", "Use core/relativistic or core/non-saturating."
        )
    return objective


def regulariser_of(training: AdversarialTraining, data: DataSpec) -> Regulariser | None:
    """The recipe's, settled on the images' shape and the batch where it asks for that."""
    if training.regulariser == "none":
        return None
    part = as_part(training.regulariser)
    regulariser = cast(Regulariser, plugins.build("regulariser", part))
    plugins.require(plugins.find("regulariser", part.component), regulariser, Regulariser)
    prepare: Callable[[DataSpec, int], None] | None = getattr(regulariser, "prepare", None)
    if prepare is not None:
        prepare(data, training.batch)
    return regulariser
