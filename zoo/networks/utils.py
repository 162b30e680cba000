"""Helpers for modules: eval mode, frozen tensors, finite weights, building without initialisation, hashing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from zoo.errors import IntegrityError, PluginError

__all__ = ["SkipInit", "always_frozen", "check_finite", "digest", "evaluating", "without_grad"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put `module` in eval mode while the block runs; restore the mode of every submodule at the end."""
    modes = [(submodule, submodule.training) for submodule in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for submodule, training in modes:
            submodule.training = training


@contextmanager
def without_grad(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute no gradients of these parameters in what is run inside the block."""
    trained = [weight for weight in parameters if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def always_frozen(net: nn.Module) -> set[str]:
    """The names of all tensors in the children that the component `net` lists in its attribute `always_frozen`.

    Unlike a plan's `frozen`, which belongs to one transfer, it belongs to the net: the tensors also stay frozen if a
    released GAN is trained further. Raises PluginError if the attribute is not a tuple of names of submodules.
    """
    children = getattr(net, "always_frozen", ())
    submodules = dict(net.named_modules())
    if not isinstance(children, tuple) or not all(child in submodules for child in children):
        raise PluginError(
            f"{type(net).__name__} has an attribute `always_frozen` that is not a tuple of names of its submodules",
            "The name is reserved for the submodules that are never trained; call yours otherwise.",
        )
    return {f"{child}.{tensor}" for child in children for tensor in submodules[child].state_dict()}


def check_finite(module: nn.Module, what: str) -> None:
    """Raise IntegrityError, with `what` and the tensor's name, if a weight is NaN or infinite or a buffer is NaN.

    A buffer may be infinite (a mask). Tensors on the meta device are skipped.
    """
    for name, weight in module.named_parameters():
        if _has_nonfinite_sum(weight) and not torch.isfinite(weight).all():
            raise _nonfinite_error(what, name, weight)
    for name, buffer in module.named_buffers():
        if _has_nonfinite_sum(buffer) and torch.isnan(buffer).any():
            raise _nonfinite_error(what, name, buffer)


def _has_nonfinite_sum(tensor: Tensor) -> bool:
    """Whether some value may be NaN or infinite: both survive a sum, the cheapest operation on all values."""
    if not tensor.is_floating_point() or tensor.device.type == "meta":
        return False
    wide = torch.promote_types(tensor.dtype, torch.float32)  # a sum in fp16 overflows
    return not bool(torch.isfinite(tensor.detach().sum(dtype=wide)))


def _nonfinite_error(what: str, name: str, tensor: Tensor) -> IntegrityError:
    count = int((~torch.isfinite(tensor)).sum())
    return IntegrityError(
        f"{what}: {count:,} of {tensor.numel():,} values of {name} are not finite numbers",
        "Its training diverged. Take an earlier checkpoint (zoo release --best), or train again with lower rates.",
    )


_FILL_METHODS = {Tensor.normal_, Tensor.uniform_, Tensor.zero_, Tensor.fill_, Tensor.bernoulli_, Tensor.exponential_}


class SkipInit(TorchFunctionMode):
    """Skips the initialisation of tensors on the meta device: they have no values, but torch would import its compiler
    to find that out, which takes seconds in the first `zoo.load` of a process."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a meta tensor unchanged if `func` would only fill it."""
        values = args or tuple((kwargs or {}).values())
        fills = func in _FILL_METHODS or getattr(func, "__module__", None) == torch.nn.init.__name__
        if fills and values and isinstance(values[0], Tensor) and values[0].is_meta:
            return values[0]
        if func is torch.eye and kwargs and str(kwargs.get("device")) == "meta":
            return torch.empty(args[0], args[-1], **kwargs)
        return func(*args, **(kwargs or {}))


def digest(module: nn.Module) -> str:
    """SHA-256 (hex) of the names, types, shapes and bytes of a module's state dict, in sorted order."""
    sha = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
