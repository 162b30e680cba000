"""What a net holds and never learns, whoever trains it: a frozen encoder beside a discriminator, random projections."""

from __future__ import annotations

from torch import nn

__all__ = ["fixed"]


def fixed(net: nn.Module) -> set[str]:
    """The names of all tensors that lie in children which a module inside `net` lists in its attribute `fixed`.

    A plan's `frozen` belongs to one transfer; this belongs to the net, so that a released GAN that is trained on keeps
    them too.
    """
    names: set[str] = set()
    for prefix, part in net.named_modules():
        children: tuple[str, ...] = getattr(part, "fixed", ())
        for child in children:
            path = f"{prefix}.{child}" if prefix else child
            names |= {f"{path}.{tensor}" for tensor in net.get_submodule(path).state_dict()}
    return names
