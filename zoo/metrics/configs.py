"""Settings of the core's feature spaces. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["InceptionConfig"]


@dataclass(frozen=True, slots=True)
class InceptionConfig:
    """`weights` is the file of torch-fidelity's Inception v3; by default where torch.hub keeps what it fetched."""

    weights: str = ""
