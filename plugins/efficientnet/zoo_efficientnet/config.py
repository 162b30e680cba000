"""Settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["EncoderConfig", "JudgeConfig"]


@dataclass(frozen=True)
class JudgeConfig:
    """There is nothing to set: figures of one name are comparable."""


@dataclass(frozen=True)
class EncoderConfig:
    """`pretrained` starts from the ImageNet weights, otherwise weights are fresh."""

    pretrained: bool = True

    def fresh(self) -> EncoderConfig:
        """The same structure without the ImageNet weights."""
        return replace(self, pretrained=False)
