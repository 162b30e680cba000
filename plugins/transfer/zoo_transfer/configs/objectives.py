"""Settings of energy-based GANs and of GANs on codes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges, check_widths

__all__ = [
    "BEGANConfig",
    "EBGANConfig",
    "EnergyConfig",
    "EnergyDiscriminatorConfig",
    "LatentGANConfig",
    "LatentGeneratorConfig",
]


@dataclass(frozen=True)
class EnergyConfig:
    """`objective` is `ebgan`, with `margin` as a multiple of the autoencoder's error on the images and the weight
    `pull_away` of the pulling-away term; or `began`, with its `gamma` and `lambda_k`. `norm` of the error is `l1` or
    `l2`."""

    objective: Literal["ebgan", "began"] = "ebgan"
    norm: Literal["l1", "l2"] = "l2"
    margin: float = 2.5
    pull_away: float = 0.1
    gamma: float = 0.5
    lambda_k: float = 1e-3

    def __post_init__(self) -> None:
        check_ranges(self, margin=(0, MANY), pull_away=(0, MANY), gamma=(0, 1), lambda_k=(0, 1))


@dataclass(frozen=True)
class EnergyDiscriminatorConfig:
    """The autoencoder whose reconstruction error is the energy; `norm` of the error is `l1` or `l2`."""

    encoder: PartSpec
    bottleneck: PartSpec
    decoder: PartSpec
    code_shape: tuple[int, ...]
    norm: Literal["l1", "l2"] = "l2"


@dataclass(frozen=True)
class EBGANConfig:
    """`margin` m: D gains nothing from generated images whose energy is above it. `pull_away` is the weight of the
    pulling-away term."""

    margin: float = 1.0
    pull_away: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, margin=(0, MANY), pull_away=(0, MANY))


@dataclass(frozen=True)
class BEGANConfig:
    """`gamma` is the target ratio of the energies of generated and real images; lower values give sharper images with
    less variety. `lambda_k` is the step size of k."""

    gamma: float = 0.5
    lambda_k: float = 1e-3

    def __post_init__(self) -> None:
        check_ranges(self, gamma=(0, 1), lambda_k=(0, 1))


@dataclass(frozen=True)
class LatentGANConfig:
    """`widths` of the hidden layers of the generator of codes and of its critic, which is trained `critic_steps` times
    as often. `penalty` is the weight of WGAN-GP's penalty. Once the fraction `joint_after` of the budget is spent (1:
    never), the decoder is trained too, against the discriminator of images: D alone for `joint_warmup_images`, then the
    generator's learning rate rises over `joint_ramp_images`. `seed` draws the fresh weights."""

    widths: tuple[int, ...] = (256, 256, 256)
    critic_steps: int = 5
    penalty: float = 10.0
    joint_after: float = 1.0
    joint_warmup_images: int = 12_800
    joint_ramp_images: int = 25_600
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, critic_steps=(1, 1000), penalty=(0, MANY), joint_after=(0, 1))
        check_ranges(self, joint_warmup_images=(0, MANY), joint_ramp_images=(0, MANY))
        check_widths(self.widths)


@dataclass(frozen=True)
class LatentGeneratorConfig:
    """A network with hidden layers of `widths` that maps noise to standardised codes, in front of `generator`."""

    generator: PartSpec
    widths: tuple[int, ...] = (256, 256, 256)

    def __post_init__(self) -> None:
        check_widths(self.widths)
