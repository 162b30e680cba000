"""How steps are computed: on which device, in which precision, in how many micro-batches.

Results change only by rounding, except with batch-dependent layers and with networks that draw random numbers.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from zoo._utils import distributed
from zoo._utils.seeds import Stream, in_parts
from zoo.errors import ConfigError, near
from zoo.training.recipe import EngineSection

__all__ = ["NAMES", "Engine", "choose", "retain_freed_memory"]

NAMES = ("auto", "cpu", "cuda", "mps")


def choose(name: str = "auto") -> torch.device:
    """`auto` (an NVIDIA or AMD GPU, an Apple one, the CPU, in that order), `cpu`, `cuda`, `cuda:1`, `mps`, ...

    Raises ConfigError for a device that torch does not know or this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device {name!r} is unknown", near(name, NAMES)) from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": _has_mps()}.get(device.type, False)
    if not there or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise ConfigError(f"this machine has no {name} that torch can use", "Use auto or cpu.")
    return device


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


P = ParamSpec("P")
R = TypeVar("R")

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """Runs a trainer's computations as the recipe's [engine] section says. `accumulate` is the number of micro-batches
    in which this process computes its share of a batch."""

    def __init__(self, settings: EngineSection | None = None) -> None:
        self.settings = settings or EngineSection()
        self.device = distributed.join(self.settings.device) or choose(self.settings.device)
        self.accumulate = self.settings.accumulate
        if self.device.type == "cpu":
            retain_freed_memory()

    def place(self, module: nn.Module) -> nn.Module:
        """Move a module to the device, in the recipe's memory format."""
        if self.settings.channels_last:
            return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module.to(self.device)

    def take(self, x: Tensor) -> Tensor:
        """Copy a tensor of the host to the device; images in the memory format of the networks."""
        if self.settings.channels_last and x.dim() == 4:
            return x.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        return x.to(self.device, non_blocking=True)

    def compiled(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, compiled if the recipe says so."""
        return torch.compile(function) if self.settings.compile else function

    @contextmanager
    def autocast(self, *, exact: bool = False) -> Iterator[None]:
        """Compute in the recipe's precision. `exact` is float32, with an attention that can be differentiated twice."""
        half = _HALVES.get(self.settings.precision)
        with ExitStack() as stack:
            if exact:
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            elif half is not None:
                stack.enter_context(torch.autocast(self.device.type, half))
            yield

    def micro_batches(self, n: int) -> list[slice]:
        """This process's rows of a batch of n, one slice a micro-batch. Raises ConfigError if n cannot be divided
        evenly."""
        pieces = distributed.world_size() * self.accumulate
        if n % pieces:
            raise ConfigError(
                f"a batch of {n} cannot be cut into {pieces} equal parts "
                f"({distributed.world_size()} processes x accumulate "
                f"{self.accumulate})",
                f"Use a batch of {max(1, n // pieces) * pieces}.",
            )
        width, start = n // pieces, distributed.rank() * self.accumulate
        return [slice(i * width, (i + 1) * width) for i in range(start, start + self.accumulate)]

    def each(self, n: int, streams: Sequence[Stream]) -> Iterator[slice]:
        """The same slices one after the other. Random `streams` are set for each, unless the batch is whole."""
        slices = self.micro_batches(n)
        return in_parts(streams, slices, n) if slices != [slice(0, n)] else iter(slices)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_RETAINED_BYTES = 1 << 30
_MMAP_BYTES = (1 << 28, 1 << 25)  # glibc before 2.35 takes no more than the second


def retain_freed_memory() -> bool:
    """Tell glibc to keep up to 1 GiB of freed memory for this process, and to map only blocks above 256 MiB (or 32 MiB)
    separately. Returns whether it did: not with another C library, nor if the environment configures its allocator
    (MALLOC_..., GLIBC_TUNABLES). The peak of a process stays the same.

    Every step frees what the step before it allocated. glibc returns large blocks to the system at once, and the system
    zeroes their pages again a moment later: a sixth of a small net's step on a CPU.
    """
    if platform.libc_ver()[0] != "glibc" or any(key.startswith(("MALLOC_", "GLIBC_TUNABLES")) for key in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_TRIM_THRESHOLD, _RETAINED_BYTES)) and any(
        mallopt(_MMAP_THRESHOLD, size) for size in _MMAP_BYTES
    )
