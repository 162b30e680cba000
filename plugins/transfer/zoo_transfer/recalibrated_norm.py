"""The generator's batch-norm statistics are measured again, on the prior."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    Condition,
    TransferPlan,
    TransferStrategy,
    condition_arguments,
    draw_conditions,
    edit_each,
    memoize,
    stream,
)
from zoo_transfer.configs.weights import RecalibratedNormConfig

__all__ = ["RecalibratedNorm", "measure_statistics"]


class RecalibratedNorm(TransferStrategy):
    """BatchNorm's running mean and variance := their averages over batches of G(z), z from the GAN's prior (precise
    statistics: Wu and Johnson 2021, "Rethinking 'batch' in BatchNorm").

    The decoder's statistics were measured on codes of images. Under another prior, G would give other images in eval
    mode than in train mode. It is planned after all other strategies, whose prior and weights it needs.
    """

    slots = frozenset()
    requires = frozenset()
    order = 1

    def __init__(self, config: RecalibratedNormConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the statistics; only a note if the generator has no batch norm."""
        names = [name for name, part in gan.generator.named_modules() if _has_statistics(part)]
        if not self.config.batches:
            return TransferPlan(gan)
        if not names:
            return TransferPlan(gan, notes=["recalibrated-norm: the generator has no batch norm"])

        def measure(context: ApplyContext) -> dict[str, Tensor]:
            conditions = _draw(gan.condition, self.config)
            return measure_statistics(context.nets["generator"], context.nets["prior"], conditions, self.config)

        fitted = memoize(measure)
        tensors = [f"{name}.{key}" for name in names for key in ("running_mean", "running_var", "num_batches_tracked")]
        edits = edit_each("generator", tensors, "fitted", "batch norm recalibrated on the prior", fitted)
        return TransferPlan(gan, edits, required_tensors={"generator": set(tensors)})

    def noop_config(self) -> RecalibratedNormConfig:
        """No batches."""
        return RecalibratedNormConfig(batches=0)


@torch.no_grad()
def measure_statistics(
    generator: nn.Module, prior: nn.Module, conditions: Tensor | None, config: RecalibratedNormConfig
) -> dict[str, Tensor]:
    """The state dict of a copy of the generator whose statistics are plain averages over batches of the prior, with a
    condition of each code if one of both takes it."""
    copied = copy.deepcopy(generator).eval()
    for part in copied.modules():
        if isinstance(part, _BatchNorm):
            part.reset_running_stats()
            part.momentum = None
            part.train()
    rng = stream(config.seed, "recalibrated-norm")
    device = next(copied.parameters()).device
    for i in range(config.batches):
        condition = None if conditions is None else conditions[i * config.batch : (i + 1) * config.batch]
        z = prior.sample(config.batch, rng, *condition_arguments(prior, condition))  # type: ignore[operator]
        copied(*(tensor.to(device) for tensor in (z, *condition_arguments(copied, condition))))
    return copied.state_dict()


def _draw(condition: Condition | None, config: RecalibratedNormConfig) -> Tensor | None:
    """A condition for each code, if the GAN takes some."""
    if condition is None:
        return None
    return draw_conditions(condition, config.batches * config.batch, stream(config.seed, "condition"))


def _has_statistics(part: nn.Module) -> bool:
    return isinstance(part, _BatchNorm) and part.track_running_stats
