"""Range checks of settings. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.plugin import ConfigError

__all__ = ["MANY", "check_ranges", "check_widths"]

MANY = 1e9
"""An upper limit for counts of images and steps and for weights, far above any use."""


def check_ranges(config: Any, **ranges: tuple[float, float]) -> None:
    """Check that settings are within closed ranges. Raises ConfigError, which names the setting."""
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} {value} is not within {low:g} to {high:g}")


def check_widths(widths: Sequence[int]) -> None:
    """Check that there is at least one layer, and each has 1 to 65,536 units. Raises ConfigError."""
    if not widths or any(not 1 <= width <= 65536 for width in widths):
        raise ConfigError(f"widths {list(widths)} are not whole numbers within 1 to 65,536")
