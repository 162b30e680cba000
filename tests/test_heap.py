"""A training process keeps the memory that it frees."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, torch
from zoo.training.devices import Engine
from zoo.training.recipe import EngineSection
Engine(EngineSection(device="cpu"))
def turn():
    return [torch.ones(4 << 20) for _ in range(8)]  # 16 MiB each
turn(), turn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
turn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """How many pages the system hands out for a turn of allocations like the ones before."""
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_memory_serves_the_next_step_unless_the_environment_says_otherwise() -> None:
    assert faults() < 1_000
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > 10_000
