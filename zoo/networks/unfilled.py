"""Building a net whose values are put in afterwards, without spending time on initial ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Unfilled"]

_FILLS = {Tensor.normal_, Tensor.uniform_, Tensor.zero_, Tensor.fill_, Tensor.bernoulli_, Tensor.exponential_}


class Unfilled(TorchFunctionMode):
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
