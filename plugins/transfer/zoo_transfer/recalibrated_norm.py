"""The generator's batch-norm statistics are measured again, on the prior."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.plugin import GAN, Autoencoder, TransferPlan, TransferStrategy, edit_each, memoize, stream
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
        fitted = memoize(
            lambda context: measure_statistics(context.nets["generator"], context.nets["prior"], self.config)
        )
        tensors = [f"{name}.{key}" for name in names for key in ("running_mean", "running_var", "num_batches_tracked")]
        edits = edit_each("generator", tensors, "fitted", "batch norm recalibrated on the prior", fitted)
        return TransferPlan(gan, edits, required_tensors={"generator": set(tensors)})

    def noop_config(self) -> RecalibratedNormConfig:
        """No batches."""
        return RecalibratedNormConfig(batches=0)


@torch.no_grad()
def measure_statistics(generator: nn.Module, prior: nn.Module, config: RecalibratedNormConfig) -> dict[str, Tensor]:
    """The state dict of a copy of the generator whose statistics are plain averages over batches of the prior."""
    copied = copy.deepcopy(generator).eval()
    for part in copied.modules():
        if isinstance(part, _BatchNorm):
            part.reset_running_stats()
            part.momentum = None
            part.train()
    rng = stream(config.seed, "recalibrated-norm")
    device = next(copied.parameters()).device
    for _ in range(config.batches):
        copied(prior.sample(config.batch, rng).to(device))  # type: ignore[operator]
    return copied.state_dict()


def _has_statistics(part: nn.Module) -> bool:
    return isinstance(part, _BatchNorm) and part.track_running_stats
