"""Settings of the strategies that wrap a network, and of the wrapped networks. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError, PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges, check_widths

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
    """`strength` multiplies the logit of the head on the encoder's last `stages`. Each stage is projected to
    `channels`: by default as many as the narrowest of them has, at most 64. `seed` draws the head's weights."""

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
    """A head on the last `stages` of the frozen `encoder` adds `strength` times its logit to those of `base`."""

    base: PartSpec
    encoder: PartSpec
    strength: float = 0.5
    stages: int = 3
    channels: int = 64

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class ProjectedHeadsConfig:
    """`strength` multiplies the heads' logits; at 0 there are no heads. The coarsest `stages` are projected; the finest
    of them to `channels`, each coarser one to twice as many. `encoder` is used in place of the autoencoder's, with the
    weights that it is built with. `seed` draws projections and heads."""

    strength: float = 1.0
    stages: int = 4
    channels: int = 64
    encoder: PartSpec | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class ProjectedDiscriminatorConfig:
    """One head per projected stage of the frozen `encoder` adds `strength` times its logits to those of `base`; without
    a base there are the heads alone, as in Projected GAN. The encoder sees images enlarged to a shorter side of `size`,
    if that is given."""

    encoder: PartSpec
    base: PartSpec | None = None
    strength: float = 1.0
    stages: int = 4
    channels: int = 64
    size: int | None = None

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY), stages=(1, 64), channels=(1, 8192))
        if self.size is not None:
            check_ranges(self, size=(1, 1024))
        if self.base is None and not self.strength:
            raise ConfigError("projected-heads without a base judges by its heads alone: strength 0 leaves nothing")


@dataclass(frozen=True)
class MinerConfig:
    """A miner with hidden layers of `widths` in front of the generator; its output is multiplied by `strength` and
    added to the code. With `freeze` the generator itself is not trained. `seed` draws the miner's weights."""

    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0
    freeze: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY))
        check_widths(self.widths)


@dataclass(frozen=True)
class MinedGeneratorConfig:
    """A miner with hidden layers of `widths`, multiplied by `strength`, in front of `generator`."""

    generator: PartSpec
    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, strength=(0, MANY))
        check_widths(self.widths)
