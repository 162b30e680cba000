"""The C library's heap: a training process keeps what it frees.

Every step of a loop frees what the step before it had asked for. glibc gives large blocks back to the system at once,
and the system zeroes their pages again a moment later: a sixth of the time of a small net's step on a CPU.
"""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = ["keep_freed"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_KEPT = 1 << 30
_MAPPED = (1 << 28, 1 << 25)  # glibc before 2.35 takes no more than the second


def keep_freed() -> bool:
    """Tell glibc to keep up to 1 GiB of freed memory for this process, and to map only larger blocks than 256 MiB (or
    32 MiB) apart. Whether it was told: not where the C library is another one, nor where the environment sets its
    allocator already (MALLOC_..., GLIBC_TUNABLES). The peak of a process stays what it was."""
    if platform.libc_ver()[0] != "glibc" or any(key.startswith(("MALLOC_", "GLIBC_TUNABLES")) for key in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT)) and any(mallopt(_MMAP_THRESHOLD, size) for size in _MAPPED)
