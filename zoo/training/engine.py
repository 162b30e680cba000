"""How steps are computed: on which device, in which precision, in how many parts. What is learnt stays the same but for
rounding, and but for nets with statistics over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from zoo.errors import ConfigError
from zoo.networks.seeds import Stream, in_parts
from zoo.training import devices, ranks
from zoo.training.heap import keep_freed
from zoo.training.recipe import EngineSection
from zoo.training.scaling import LossScale

__all__ = ["Engine"]

P = ParamSpec("P")
R = TypeVar("R")

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """Serves a trainee. `accumulate` is how many parts this process cuts its share of a batch into."""

    def __init__(self, settings: EngineSection | None = None) -> None:
        self.settings = settings or EngineSection()
        self.device = ranks.join(self.settings.device) or devices.choose(self.settings.device)
        self.accumulate = self.settings.accumulate
        if self.device.type == "cpu":
            keep_freed()

    def place(self, module: nn.Module) -> nn.Module:
        """The module, moved to the device."""
        if self.settings.channels_last:
            return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
        return module.to(self.device)

    def take(self, x: Tensor) -> Tensor:
        """A tensor of the host, on the device; images in the memory format of the nets."""
        if self.settings.channels_last and x.dim() == 4:
            return x.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        return x.to(self.device, non_blocking=True)

    def compiled(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function as it is, or compiled where the recipe says so."""
        return torch.compile(function) if self.settings.compile else function

    @contextmanager
    def computing(self, *, exact: bool = False) -> Iterator[None]:
        """Autocast in the recipe's precision; `exact` is fp32, with an attention that can be differentiated twice."""
        half = _HALVES.get(self.settings.precision)
        with ExitStack() as stack:
            if exact:
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            elif half is not None:
                stack.enter_context(torch.autocast(self.device.type, half))
            yield

    def parts(self, n: int) -> list[slice]:
        """This process's rows of a batch of n, in the parts that go through the nets one by one. Raises ConfigError
        where n cannot be cut evenly."""
        pieces = ranks.size() * self.accumulate
        if n % pieces:
            raise ConfigError(
                f"a batch of {n} cannot be cut into {pieces} equal parts ({ranks.size()} processes x accumulate "
                f"{self.accumulate})",
                f"Use a batch of {max(1, n // pieces) * pieces}.",
            )
        width, start = n // pieces, ranks.rank() * self.accumulate
        return [slice(i * width, (i + 1) * width) for i in range(start, start + self.accumulate)]

    def each(self, n: int, streams: Sequence[Stream]) -> Iterator[slice]:
        """The same parts one after the other, `streams` set for each; nothing is set where the batch is whole."""
        parts = self.parts(n)
        return in_parts(streams, parts, n) if parts != [slice(0, n)] else iter(parts)

    def scale(self) -> LossScale:
        """A loss scale for one optimiser."""
        return LossScale(self.device, enabled=self.settings.precision == "fp16")
