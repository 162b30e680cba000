"""Keep what a plan freezes as it is: no gradient, no optimiser, no moving statistics."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.networks.fixed import fixed
from zoo.protocols import Transfer
from zoo.transfers.report import nets_of

__all__ = ["freeze"]


def freeze(plan: Transfer, thawed: Mapping[str, set[str]]) -> None:
    """Everything learns, except what the plan freezes and `thawed` does not name, and what a net itself keeps fixed.

    Modules all of whose parameters are frozen are in eval mode: BatchNorm's statistics and spectral norm's vectors
    would move in them.
    """
    for net, module in nets_of(plan).items():
        frozen = (plan.frozen.get(net, set()) - thawed.get(net, set())) | fixed(module)
        for name, weight in module.named_parameters():
            weight.requires_grad_(name not in frozen)
        module.train()
        for name, part in module.named_modules():
            weights = [f"{name}.{key}" if name else key for key, _ in part.named_parameters()]
            if weights and frozen.issuperset(weights):
                part.eval()
