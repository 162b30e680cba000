"""Whether a network's weights are numbers: one whose training diverged draws nothing, and must not do so in silence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.errors import IntegrityError

__all__ = ["require_numbers"]


def require_numbers(module: nn.Module, what: str) -> None:
    """Raise IntegrityError, naming `what` and the tensor, for a weight that is NaN or infinite or a buffer that is NaN.

    A buffer may be infinite (a mask). Tensors without values (meta) are passed over.
    """
    for name, weight in module.named_parameters():
        if _odd(weight) and not torch.isfinite(weight).all():
            raise _broken(what, name, weight)
    for name, buffer in module.named_buffers():
        if _odd(buffer) and torch.isnan(buffer).any():
            raise _broken(what, name, buffer)


def _odd(tensor: Tensor) -> bool:
    """Whether to look closer: NaN and infinity survive a sum, which is the cheapest look at all values."""
    if not tensor.is_floating_point() or tensor.device.type == "meta":
        return False
    wide = torch.promote_types(tensor.dtype, torch.float32)  # a sum of halves overflows
    return not bool(torch.isfinite(tensor.detach().sum(dtype=wide)))


def _broken(what: str, name: str, tensor: Tensor) -> IntegrityError:
    broken = int((~torch.isfinite(tensor)).sum())
    return IntegrityError(
        f"{what}: {broken:,} of {tensor.numel():,} values of {name} are not finite numbers",
        "Its training diverged. Take an earlier checkpoint (zoo release --best), or train again with lower rates.",
    )
