"""Settings of the starter components: there are none, the data and the weights are what they are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JudgeConfig", "SetConfig"]


@dataclass(frozen=True, slots=True)
class SetConfig:
    """A bundled image set takes no settings."""


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """The judge takes no settings: two figures compare only if its weights are the same."""
