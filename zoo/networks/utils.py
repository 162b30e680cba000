"""Eval mode for the length of a block, every module back in its own mode afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from zoo.errors import IntegrityError

__all__ = ["SkipInit", "always_frozen", "check_finite", "digest", "evaluating"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put `module` and all inside it in eval mode; restore each one's own mode at the end."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def always_frozen(net: nn.Module) -> set[str]:
    """The names of all tensors that lie in children which a module inside `net` lists in its attribute `fixed`.

    A plan's `frozen` belongs to one transfer; this belongs to the net, so that a released GAN that is trained on keeps
    them too.
    """
    names: set[str] = set()
    for prefix, part in net.named_modules():
        children: tuple[str, ...] = getattr(part, "always_frozen", ())
        for child in children:
            path = f"{prefix}.{child}" if prefix else child
            names |= {f"{path}.{tensor}" for tensor in net.get_submodule(path).state_dict()}
    return names


def check_finite(module: nn.Module, what: str) -> None:
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


_FILLS = {Tensor.normal_, Tensor.uniform_, Tensor.zero_, Tensor.fill_, Tensor.bernoulli_, Tensor.exponential_}


class SkipInit(TorchFunctionMode):
    """Within it, tensors on the meta device are not filled: there is nothing to fill, and to find that out torch
    imports its compiler, seconds that the first `zoo.load` of a process would wait."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The tensor as it is, where it has no values and `func` would only give it some."""
        named = args or tuple((kwargs or {}).values())
        fills = func in _FILLS or getattr(func, "__module__", None) == torch.nn.init.__name__
        if fills and named and isinstance(named[0], Tensor) and named[0].is_meta:
            return named[0]
        if func is torch.eye and kwargs and str(kwargs.get("device")) == "meta":
            return torch.empty(args[0], args[-1], **kwargs)
        return func(*args, **(kwargs or {}))


def digest(module: nn.Module) -> str:
    """sha256 over the names, types, shapes and bytes of a module's state dict, in sorted order."""
    sha = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
