"""The task of a GAN unless a strategy brings another one, and what it minimises: objective and penalty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import seeded, stream
from zoo.errors import ConfigError, TransferError
from zoo.losses.augmentation import Augmentation
from zoo.losses.types import AdversarialObjective, Regulariser, Side
from zoo.networks.conditioning import condition_arguments, draw_conditions
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput
from zoo.networks.utils import evaluating
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.plan import GANTask, TransferPlan
from zoo.types import Condition, DataSpec, as_part

__all__ = ["AdversarialLosses", "ImageTask", "losses_of", "with_requests"]


class ImageTask:
    """The usual task: D tells real images from generated ones; G is trained at every `every`-th step."""

    def __init__(self, gan: GAN, every: int = 1) -> None:
        self.gan = gan
        self.every = every

    @property
    def judges(self) -> DataSpec:
        """The GAN's samples."""
        return self.gan.data

    @property
    def groups(self) -> tuple[int, ...]:
        """D's logit groups."""
        return self.gan.discriminator.logit_groups

    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """The images."""
        return images

    def fake(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """G(z), or G(z, condition)."""
        generated: Tensor = self.gan.generator(z, *condition_arguments(self.gan.generator, condition))
        return generated

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """D(x), or D(x, condition)."""
        discriminator = self.gan.discriminator
        return discriminator.discriminate(x, *condition_arguments(discriminator, condition))

    def trained_modules(self, side: Side) -> dict[str, nn.Module]:
        """G, or D."""
        return {side.value: self.gan.parts[side.value]}


class AdversarialLosses(NamedTuple):
    """What a recipe's training minimises: the objective, the penalty if there is one, and how D's inputs are
    augmented."""

    objective: AdversarialObjective
    regulariser: Regulariser | None
    augmentation: Augmentation


def losses_of(plan: TransferPlan, training: AdversarialTraining, seed: int = 0) -> AdversarialLosses:
    """The losses of a plan, with weights of their own from `seed`; its nets may be on the meta device. Raises
    ConfigError or CompositionError for what does not fit the GAN."""
    data, task = plan.gan.data, plan.task
    augmentation = Augmentation(
        training.augment,
        data,
        training.augment_probability,
        target=training.augment_target,
        images=training.augment_images,
    )
    if augmentation.kinds and task is not None and not task.judges.same_values(data):
        raise ConfigError(
            f"augment is for {data}, and this strategy's discriminator sees {task.judges}", "Use augment=none."
        )
    if training.balance and (plan.gan.condition is None or not plan.gan.condition.classes):
        raise ConfigError("balance is for a GAN that takes classes", "Let it take them (--by-class), or leave it out.")
    return AdversarialLosses(_objective_of(plan, training), _regulariser_of(plan, training, seed), augmentation)


def with_requests(settings: Mapping[str, Any], plan: TransferPlan) -> dict[str, Any]:
    """The user's settings of training with those that the strategies need. Raises ConfigError if both set the same
    one."""
    known = {setting.name for setting in fields(AdversarialTraining)}
    for key, value in plan.recipe.items():
        if key not in known:
            raise TransferError(f"a strategy asks for the setting {key!r}, which training does not have")
        if settings.get(key, value) != value:
            raise ConfigError(
                f"the strategy needs {key} = {value!r}, you set {settings[key]!r}", "Leave one of them out."
            )
    return {**settings, **plan.recipe}


def _objective_of(plan: TransferPlan, training: AdversarialTraining) -> AdversarialObjective:
    """The plan's objective, else the recipe's. Raises ConfigError for one that trains no GAN."""
    objective: AdversarialObjective = plan.objective or plugins.build("objective", as_part(training.objective))
    if not isinstance(objective, nn.Module) or plugins.missing_members(objective, AdversarialObjective):
        raise ConfigError(
            f"objective {training.objective} does not train GANs", "Use core/relativistic or core/non-saturating."
        )
    return objective


def _regulariser_of(plan: TransferPlan, training: AdversarialTraining, seed: int) -> Regulariser | None:
    """The recipe's penalty, prepared for the data and the batch size if it asks for that, with nets of its own if it
    has any."""
    if training.regulariser == "none":
        return None
    part = as_part(training.regulariser)
    regulariser: Regulariser = plugins.build("regulariser", part)
    plugins.require(plugins.find_component("regulariser", part.component), regulariser, Regulariser)
    prepare: Callable[[DataSpec, int], None] | None = getattr(regulariser, "prepare", None)
    if prepare is not None:
        prepare(plan.gan.data, training.batch)
    if isinstance(regulariser, nn.Module):
        task: GANTask = plan.task or ImageTask(plan.gan)
        device = next(plan.gan.generator.parameters()).device
        shapes = _stage_shapes(task, plan.gan.condition, device)
        build = cast(Callable[[DataSpec, tuple[tuple[int, ...], ...]], None], regulariser.build)
        with seeded(seed, "regulariser", device), device:
            build(task.judges, shapes)
    return regulariser


@torch.no_grad()
def _stage_shapes(task: GANTask, condition: Condition | None, device: torch.device) -> tuple[tuple[int, ...], ...]:
    """The shapes of the feature stages of what a task trains as D, without the batch."""
    drawn = None if condition is None else draw_conditions(condition, 1, stream(0, "condition")).to(device)
    with ExitStack() as modes:
        for module in task.trained_modules(Side.DISCRIMINATOR).values():
            modes.enter_context(evaluating(module))
        stages = task.discriminate(torch.zeros(1, *task.judges.shape, device=device), drawn).stages
    return tuple(tuple(stage.shape[1:]) for stage in stages)
