"""The components of zoo-starter have no settings."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DatasetConfig", "JudgeConfig"]


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """A bundled data set has no settings."""


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """The judge has no settings: metrics compare only if its weights are the same."""
