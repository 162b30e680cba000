"""Settings of a timm encoder. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from zoo.plugin import Case, ConfigError, DataSpec

__all__ = ["TimmConfig", "TimmSpaceConfig", "cases"]

_LARGEST_SIDE = 4096
_LARGEST_GRID = 64


@dataclass(frozen=True)
class TimmConfig:
    """`name` is timm's. `pretrained` is the tag of the weights to start from (`a1_in1k`), empty for fresh ones.

    `stages` are timm's feature indices, by default the backbone's own. The coarsest map is average-pooled to at most
    `grid` x `grid` and flattened into the embedding; 1 gives its mean. With `resize` images are first resized to that
    side in pixels (bilinear). Raises ConfigError for a value out of range.
    """

    name: str
    pretrained: str = ""
    stages: tuple[int, ...] | None = None
    grid: int = 4
    resize: int | None = None

    def __post_init__(self) -> None:
        owner = f"timm/{self.name}"
        if self.stages is not None:
            object.__setattr__(self, "stages", tuple(self.stages))
            if not self.stages or list(self.stages) != sorted(set(self.stages)) or self.stages[0] < 0:
                raise ConfigError(
                    f"{owner}: stages {list(self.stages)} are not rising indices", "For example [1, 2, 3]."
                )
        if type(self.grid) is not int or not 1 <= self.grid <= _LARGEST_GRID:
            raise ConfigError(f"{owner}: grid {self.grid!r} is not a whole number within 1 to {_LARGEST_GRID}")
        if self.resize is not None and (type(self.resize) is not int or not 8 <= self.resize <= _LARGEST_SIDE):
            raise ConfigError(f"{owner}: resize {self.resize!r} is not a whole number within 8 to {_LARGEST_SIDE:,}")

    def fresh(self) -> TimmConfig:
        """The same structure without pretrained weights."""
        return replace(self, pretrained="")


@dataclass(frozen=True)
class TimmSpaceConfig:
    """`name` is timm's; `pretrained` is the tag of its weights, by default timm's own choice. Instead, `weights` can be
    a safetensors file with the state dict of a feature extractor. Images are resized to `side` x `side` pixels."""

    name: str
    pretrained: str = ""
    weights: str = ""
    side: int = 224

    def __post_init__(self) -> None:
        if type(self.side) is not int or not 8 <= self.side <= _LARGEST_SIDE:
            raise ConfigError(f"timm/{self.name}: side {self.side!r} is not a whole number within 8 to 4,096")
        if self.pretrained and self.weights:
            raise ConfigError(f"timm/{self.name}: give `pretrained` or `weights`, not both")


def cases() -> Iterable[Case]:
    """A small convolutional network and a small transformer stand for all backbones."""
    yield Case({"name": "resnet10t"}, DataSpec((1, 32, 32)))
    yield Case({"name": "vit_tiny_patch16_224"}, DataSpec((3, 32, 32)))
