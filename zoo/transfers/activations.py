"""Do two nets that share weights bend them alike?"""

from __future__ import annotations

from torch import nn
from torch.nn.modules import activation

__all__ = ["told_apart"]

_OUTPUTS = (nn.Tanh, nn.Sigmoid)


def told_apart(source: nn.Module, target: nn.Module, whose: str) -> list[str]:
    """A note if the target's activations are others than the source's: what is copied then computes something else.

    Compared by kind and setting, wherever both nets have them as modules of torch.nn; what brings a generator's images
    into their range is left out (a bridge takes care of that).
    """
    ours, theirs = _activations(source), _activations(target)
    if not ours or not theirs or ours == theirs:
        return []
    return [
        f"{whose}: the autoencoder's activations are {_listed(ours)}, the GAN's {_listed(theirs)}: the weights are the "
        "same, what they compute is not"
    ]


def _activations(net: nn.Module) -> set[str]:
    parts = list(net.modules())
    if hasattr(net, "latent_dim") and isinstance(parts[-1], _OUTPUTS):
        parts.pop()
    return {repr(part) for part in parts if type(part).__module__ == activation.__name__}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
