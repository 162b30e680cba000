"""Keep what a plan freezes as it is: no gradient, no optimiser, no moving statistics."""

from __future__ import annotations

from zoo.protocols import Transfer
from zoo.transfers.report import nets_of

__all__ = ["freeze", "train_mode"]


def freeze(plan: Transfer) -> None:
    """Every parameter learns, except the frozen ones."""
    for net, module in nets_of(plan).items():
        frozen = plan.frozen.get(net, set())
        for name, weight in module.named_parameters():
            weight.requires_grad_(name not in frozen)


def train_mode(plan: Transfer) -> None:
    """Train mode everywhere, except in modules all of whose parameters are frozen: BatchNorm's statistics and spectral
    norm's vectors would move in them."""
    for net, module in nets_of(plan).items():
        module.train()
        frozen = plan.frozen.get(net, set())
        for name, part in module.named_modules():
            weights = [f"{name}.{key}" if name else key for key, _ in part.named_parameters()]
            if weights and frozen.issuperset(weights):
                part.eval()
