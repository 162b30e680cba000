"""The model names of the installed timm, read from its source: importing timm would import torch (seconds)."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path

from zoo.plugin import PluginError

__all__ = ["names"]

_MODEL = re.compile(rb"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)


@functools.cache
def names() -> tuple[str, ...]:
    """Every name that timm registers, sorted. Raises PluginError when timm is not installed."""
    spec = importlib.util.find_spec("timm")  # finds a top-level package without running its code
    if spec is None or not spec.submodule_search_locations:
        raise PluginError("timm is not installed", "pip install 'timm>=1.0.20'")
    models = Path(spec.submodule_search_locations[0]) / "models"
    return tuple(sorted(name.decode() for file in models.glob("*.py") for name in _MODEL.findall(file.read_bytes())))
