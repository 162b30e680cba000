"""Where a computation runs."""

from __future__ import annotations

import torch

from zoo.errors import ConfigError, near

__all__ = ["NAMES", "choose"]

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
