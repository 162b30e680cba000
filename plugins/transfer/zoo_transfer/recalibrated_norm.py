"""The generator's batch-norm statistics, measured again on the prior."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.plugin import GAN, Autoencoder, Slot, Source, TransferPlan, TransferStrategy, edit_each, memoize, stream
from zoo_transfer.configs.weights import RecalibratedNormConfig

__all__ = ["RecalibratedNorm", "statistics_on"]


class RecalibratedNorm(TransferStrategy):
    """BatchNorm's running mean and variance := their mean over batches of G(z), z from the GAN's own prior. The
    decoder's were measured on codes of images; under another prior G in eval mode would differ from what it learns in
    train mode.

    Planned last, so that it sees the prior and the weights that the other strategies chose.
    """

    slots: frozenset[Slot] = frozenset()
    requires: frozenset[Source] = frozenset()
    order = 1

    def __init__(self, config: RecalibratedNormConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the statistics; a generator without batch norm is left as it is, with a note."""
        names = [name for name, part in gan.generator.named_modules() if _measures(part)]
        if not self.config.batches:
            return TransferPlan(gan)
        if not names:
            return TransferPlan(gan, notes=["recalibrated-norm: the generator has no batch norm"])
        fitted = memoize(lambda context: statistics_on(context.nets["generator"], context.nets["prior"], self.config))

        tensors = [f"{name}.{key}" for name in names for key in ("running_mean", "running_var", "num_batches_tracked")]
        edits = edit_each("generator", tensors, "fitted", "batch norm recalibrated on the prior", fitted)
        return TransferPlan(gan, edits, required_tensors={"generator": set(tensors)})

    def noop_config(self) -> RecalibratedNormConfig:
        """No batches."""
        return RecalibratedNormConfig(batches=0)


@torch.no_grad()
def statistics_on(generator: nn.Module, prior: nn.Module, config: RecalibratedNormConfig) -> dict[str, Tensor]:
    """The state of a copy of the generator after batches of the prior, its statistics plain averages over them."""
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


def _measures(part: nn.Module) -> bool:
    return isinstance(part, _BatchNorm) and part.track_running_stats
