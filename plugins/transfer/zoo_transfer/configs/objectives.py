"""Settings of other games: energies and codes (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.plugin import PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges, hold_widths

__all__ = [
    "BeganConfig",
    "EbganConfig",
    "EnergyConfig",
    "EnergyDiscriminatorConfig",
    "LatentGanConfig",
    "LatentGeneratorConfig",
]


@dataclass(frozen=True)
class EnergyConfig:
    """`objective`: `ebgan` with `margin` times the autoencoder's error on the images, and `pull_away` on the codes; or
    `began` with its `gamma` and the step `lambda_k` of its control. `norm`: of the error, `l1` or `l2`."""

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
    """The autoencoder whose error judges."""

    encoder: PartSpec
    bottleneck: PartSpec
    decoder: PartSpec
    latent_dim: int
    norm: Literal["l1", "l2"] = "l2"

    def __post_init__(self) -> None:
        check_ranges(self, latent_dim=(1, 65536))


@dataclass(frozen=True)
class EbganConfig:
    """`margin`: the energy beyond which a fake no longer interests D. `pull_away` weighs the term on the fakes'
    codes."""

    margin: float = 1.0
    pull_away: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, margin=(0, MANY), pull_away=(0, MANY))


@dataclass(frozen=True)
class BeganConfig:
    """`gamma`: the wanted ratio of a fake's energy to a real one's, lower is sharper. `lambda_k`: the control's
    step."""

    gamma: float = 0.5
    lambda_k: float = 1e-3

    def __post_init__(self) -> None:
        check_ranges(self, gamma=(0, 1), lambda_k=(0, 1))


@dataclass(frozen=True)
class LatentGanConfig:
    """Widths of the generator of codes and of their critic; the critic moves `critic_steps` times as often. The loss is
    WGAN-GP's with `penalty`. Once the part `joint_after` of the budget is spent (1: never), the decoder learns too and
    images are judged: D learns alone for `joint_warmup_images`, then the generator's rate rises over
    `joint_ramp_images`."""

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
        hold_widths(self.widths)


@dataclass(frozen=True)
class LatentGeneratorConfig:
    """`generator` behind a map of noise to its standardised codes."""

    generator: PartSpec
    widths: tuple[int, ...] = (256, 256, 256)

    def __post_init__(self) -> None:
        hold_widths(self.widths)
