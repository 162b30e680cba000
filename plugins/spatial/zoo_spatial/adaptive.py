"""VQGAN's adaptive weight: the adversary pulls at the decoder's last layer as hard as the reconstruction does."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from zoo.plugin import CompositionError, Generator, all_reduce_mean, evaluating

__all__ = ["adaptive_weight", "last_weight"]

_DELTA = 1e-4
_LARGEST = 1e4
_SCALE = 2.0**10
"""Both losses are differentiated in this multiple, so that small gradients survive fp16."""


def adaptive_weight(reconstruction: Tensor, adversary: Tensor, weight: Tensor) -> Tensor:
    """|d reconstruction / d weight| / (|d adversary / d weight| + 1e-4), at most 10,000: a scalar without a gradient
    (Esser et al. 2021, "Taming transformers for high-resolution image synthesis", equation 7; the constants are those
    of its code). Both losses are scalars whose graphs are kept.

    Gradients are averaged over processes before their norms are taken, so that several processes get the weight of the
    whole batch. Each micro-batch has its own.
    """
    norms = [_gradient(loss, weight).norm() for loss in (reconstruction, adversary)]
    return (norms[0] / (norms[1] + _DELTA)).clamp(max=_LARGEST)


def _gradient(loss: Tensor, weight: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(_SCALE * loss, weight, retain_graph=True)
    return all_reduce_mean(gradient / _SCALE)


def last_weight(decoder: Generator) -> str:
    """The name of the weight (of two axes or more) that the decoder uses last. A module's own weights count when it is
    called; the decoder is called once, in eval mode, on a code of zeros. Raises CompositionError if it has none."""
    used: list[str] = []

    def note(name: str, *call: object) -> None:
        used.append(name)

    hooks = [
        decoder.get_submodule(name.rpartition(".")[0]).register_forward_pre_hook(partial(note, name))
        for name, weight in decoder.named_parameters()
        if weight.dim() > 1
    ]
    code = next(decoder.parameters()).new_zeros(1, *decoder.code_shape)
    try:
        with torch.no_grad(), evaluating(decoder):
            decoder(code)
    finally:
        for hook in hooks:
            hook.remove()
    if not used:
        raise CompositionError(
            f"the decoder {type(decoder).__name__} has no weight by which an adversary could be balanced",
            "Switch the adversary off: --set objective.adversary=0",
        )
    return used[-1]
