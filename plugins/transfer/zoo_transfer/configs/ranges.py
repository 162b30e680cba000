"""Limits of settings (torch-free)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.plugin import ConfigError

__all__ = ["MANY", "check_ranges", "hold_widths"]

MANY = 1e9
"""More than anybody uses: images, steps, weights."""


def check_ranges(config: Any, **ranges: tuple[float, float]) -> None:
    """Hold numbers to closed ranges. Raises ConfigError naming the setting."""
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} {value} is not within {low:g} to {high:g}")


def hold_widths(widths: Sequence[int]) -> None:
    """At least one layer, each of 1 to 65,536. Raises ConfigError."""
    if not widths or any(not 1 <= width <= 65536 for width in widths):
        raise ConfigError(f"widths {list(widths)} are not whole numbers within 1 to 65,536")
