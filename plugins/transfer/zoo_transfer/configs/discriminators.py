"""Settings of what is built around a net, and of the nets themselves (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges, hold_widths

__all__ = [
    "FeatureConcatConfig",
    "FeatureDiscriminatorConfig",
    "MinedGeneratorConfig",
    "MinerConfig",
    "ProjectedDiscriminatorConfig",
    "ProjectedHeadsConfig",
]


@dataclass(frozen=True)
class FeatureConcatConfig:
    """`strength` of the head on the encoder's last `stages`; each is projected to `channels`, by default as many as the
    narrowest of those stages has, at most 64."""

    strength: float = 0.5
    stages: int = 3
    channels: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64))
        if self.channels is not None:
            check_ranges(self, channels=(1, 8192))


@dataclass(frozen=True)
class FeatureDiscriminatorConfig:
    """`base` judges images, a head on the last `stages` of the frozen `encoder` adds `strength` times its logit."""

    base: PartSpec
    encoder: PartSpec
    strength: float = 0.5
    stages: int = 3
    channels: int = 64

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class ProjectedHeadsConfig:
    """`strength` multiplies the heads' logits (0: no heads); `channels` of the finest projected stage, at most `stages`
    of them, the coarsest. `encoder`: another component than the autoencoder's encoder, with weights of its own."""

    strength: float = 1.0
    stages: int = 4
    channels: int = 64
    encoder: PartSpec | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class ProjectedDiscriminatorConfig:
    """`base` judges images, one head per projected stage of the frozen `encoder` judges features; `feature_data` is the
    shape that the encoder takes, if it is not the image's."""

    base: PartSpec
    encoder: PartSpec
    strength: float = 1.0
    stages: int = 4
    channels: int = 64

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class MinerConfig:
    """A miner of `widths` in front of the generator, added with `strength`; the generator itself learns too unless
    `freeze`."""

    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0
    freeze: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY))
        hold_widths(self.widths)


@dataclass(frozen=True)
class MinedGeneratorConfig:
    """`generator` behind a miner."""

    generator: PartSpec
    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY))
        hold_widths(self.widths)
