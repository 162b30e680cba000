"""The check that a network's random numbers can be drawn again."""

from __future__ import annotations

import copy

import torch

from zoo._utils.seeds import seeded
from zoo.testing.conformance.cases import ForwardCase

__all__ = ["training_draws_from_torchs_generators_alone"]


def training_draws_from_torchs_generators_alone(case: ForwardCase) -> None:
    """In training mode, two passes from the same state and the same seed of torch's default generators are bitwise
    equal. Training seeds only these at each step, so a run with other random numbers could not be repeated."""
    net, x = case.build().train(), case.batch(4)
    with seeded(0, "weights"), torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.01 * torch.randn_like(weight))  # noise may be scaled by a weight that starts at zero
    before = copy.deepcopy(net.state_dict())
    passes = []
    for _ in range(2):
        net.load_state_dict(before)  # a pass updates statistics and spectral vectors
        with seeded(0, "networks"):
            passes.append(case.outputs(net, x))
    assert all(torch.equal(one, other) for one, other in zip(*passes, strict=True)), (
        "two training-mode passes from the same torch seed differ: random numbers come from elsewhere, such as numpy, "
        "Python's random or a generator of the network's own"
    )
