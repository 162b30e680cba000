"""The generator's batch-norm statistics, measured again on the prior."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo._utils.seeds import stream
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.density import memoize
from zoo.transfers.plan import ApplyContext, Edit, Slot, Source, TransferPlan
from zoo_transfer.configs.weights import RecalibratedNormConfig

__all__ = ["RecalibratedNorm", "statistics_on"]


class RecalibratedNorm:
    """BatchNorm's running mean and variance := their mean over batches of G(z), z from the GAN's own prior. The
    decoder's were measured on codes of images; under another prior G in eval mode would differ from what it learns in
    train mode.

    Planned last, so that it sees the prior and the weights that the other strategies chose.
    """

    slots = frozenset({Slot.SCHEDULE})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: RecalibratedNormConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the statistics; a generator without batch norm is left as it is, with a note."""
        names = [name for name, part in gan.generator.named_modules() if _measures(part)]
        if not self.config.batches:
            return TransferPlan(gan)
        if not names:
            return TransferPlan(gan, notes=["recalibrated-norm: the generator has no batch norm"])
        fitted = memoize(lambda values: statistics_on(values.nets["generator"], values.nets["prior"], self.config))

        def edit(tensor: str) -> Edit:
            def value(values: ApplyContext) -> Tensor:
                return fitted(values)[tensor]

            return Edit("generator", tensor, "fitted", "batch norm recalibrated on the prior", value)

        tensors = [f"{name}.{key}" for name in names for key in ("running_mean", "running_var", "num_batches_tracked")]
        return TransferPlan(gan, [edit(tensor) for tensor in tensors], required_tensors={"generator": set(tensors)})

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
