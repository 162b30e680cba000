"""Settings of zoo's own feature spaces. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["InceptionConfig"]


@dataclass(frozen=True, slots=True)
class InceptionConfig:
    """`weights` is the file of torch-fidelity's Inception v3 weights; by default, the one in torch.hub's cache."""

    weights: str = ""
