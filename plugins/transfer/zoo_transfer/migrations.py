"""Settings that earlier versions wrote, as settings of today. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["energy"]


def energy(version: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Until 0.1.0 codes were flat: `latent_dim` was their number of values."""
    if "latent_dim" not in config:
        return config
    others = {key: value for key, value in config.items() if key != "latent_dim"}
    return {**others, "code_shape": [config["latent_dim"]]}
