"""Settings of zoo's own objectives and regularisers. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from zoo.errors import ConfigError
from zoo.types import Case, PartSpec

__all__ = [
    "AdversarialCodesConfig",
    "AdversarialVariationalConfig",
    "ConsistencyConfig",
    "GradientPenaltyConfig",
    "HingeConfig",
    "LeastSquaresConfig",
    "MatchedCodesConfig",
    "NonSaturatingConfig",
    "PerceptualConfig",
    "R1Config",
    "ReconstructionConfig",
    "RegularisedConfig",
    "RelativisticConfig",
    "VariationalConfig",
    "WassersteinConfig",
    "perceptual_cases",
]


@dataclass(frozen=True)
class ReconstructionConfig:
    """`noise` is the standard deviation of the Gaussian noise added to the input, as a fraction of the value range;
    `code_penalty` weighs ||z||^2 / 2."""

    noise: float = 0.0
    code_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.noise < 0 or self.code_penalty < 0:
            raise ConfigError(f"noise {self.noise} and code_penalty {self.code_penalty} must not be negative")


@dataclass(frozen=True)
class VariationalConfig:
    """`beta` weighs the KL term; it corresponds to a Gaussian likelihood of variance beta / 2 per value. With 1, images
    are blurred, and the decoder is a poor initialisation of a generator (docs/objectives.md). `free_bits` is the KL of
    each value of the code, in nats, that is not penalised."""

    beta: float = 0.1
    free_bits: float = 0.0

    def __post_init__(self) -> None:
        if self.beta < 0 or self.free_bits < 0:
            raise ConfigError(f"beta {self.beta} and free_bits {self.free_bits} must not be negative")


@dataclass(frozen=True)
class MatchedCodesConfig:
    """`weight` of the maximum mean discrepancy between codes and N(0, I)."""

    weight: float = 200.0

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ConfigError(f"weight {self.weight} must not be negative")


@dataclass(frozen=True)
class RegularisedConfig:
    """`code_penalty` weighs ||z||^2 / 2; `decoder` is the decoder's regulariser, with the weight `decoder_weight`."""

    code_penalty: float = 1e-3
    decoder: Literal["l2", "gradient", "none"] = "l2"
    decoder_weight: float = 1e-7

    def __post_init__(self) -> None:
        if self.code_penalty < 0 or self.decoder_weight < 0:
            raise ConfigError("code_penalty and decoder_weight must not be negative")


@dataclass(frozen=True)
class AdversarialCodesConfig:
    """`weight` of the encoder's loss against the critic of codes, which has two hidden layers of `width`."""

    weight: float = 0.01
    width: int = 128

    def __post_init__(self) -> None:
        if self.weight < 0 or not 1 <= self.width <= 8192:
            raise ConfigError("weight must not be negative, and width must be within 1 to 8,192")


@dataclass(frozen=True)
class AdversarialVariationalConfig:
    """`beta` weighs the KL term as in vae; `adversary` weighs the decoder's loss against D."""

    beta: float = 1.0
    adversary: float = 0.1

    def __post_init__(self) -> None:
        if self.beta < 0 or self.adversary < 0:
            raise ConfigError(f"beta {self.beta} and adversary {self.adversary} must not be negative")


@dataclass(frozen=True)
class PerceptualConfig:
    """`encoder` is the encoder whose stages are compared, with the weights that it is built with. `pixels` weighs the
    MSE, `code_penalty` weighs ||z||^2 / 2."""

    encoder: PartSpec
    pixels: float = 0.1
    code_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.pixels < 0 or self.code_penalty < 0:
            raise ConfigError("pixels and code_penalty must not be negative")


def perceptual_cases() -> Iterable[Case]:
    """A small encoder in whose features images are compared: the setting has no default."""
    return [Case({"encoder": {"component": "mlp", "config": {"widths": [16]}}})]


@dataclass(frozen=True)
class HingeConfig:
    """The hinge loss."""


@dataclass(frozen=True)
class LeastSquaresConfig:
    """The least-squares loss with targets 0 and 1."""


@dataclass(frozen=True)
class WassersteinConfig:
    """The difference of means; needs the regulariser core/gradient-penalty."""


@dataclass(frozen=True)
class GradientPenaltyConfig:
    """`gamma` weighs the squared difference of the gradient's norm from 1; it is computed every `interval` steps."""

    gamma: float = 10.0
    interval: int = 1

    def __post_init__(self) -> None:
        if self.gamma < 0 or self.interval < 1:
            raise ConfigError(f"gamma {self.gamma} must not be negative, interval {self.interval} at least 1")


@dataclass(frozen=True)
class ConsistencyConfig:
    """`gamma` weighs the squared change of the logits under `augment`; it is computed every `interval` steps."""

    gamma: float = 10.0
    augment: str = "translation"
    interval: int = 1

    def __post_init__(self) -> None:
        if self.gamma < 0 or self.interval < 1:
            raise ConfigError(f"gamma {self.gamma} must not be negative, interval {self.interval} at least 1")
        if self.augment == "none":
            raise ConfigError("consistency needs an augmentation", "For example augment=translation.")


@dataclass(frozen=True)
class NonSaturatingConfig:
    """The loss of the original GAN, with -log D for the generator."""


@dataclass(frozen=True)
class RelativisticConfig:
    """The paired relativistic loss."""


@dataclass(frozen=True)
class R1Config:
    """`gamma` / 2 weighs the squared gradient norm; `auto` is 0.0002 x pixels / batch. It is computed every `interval`
    steps."""

    gamma: float | Literal["auto"] = 1.0
    interval: int = 4

    def __post_init__(self) -> None:
        if self.gamma != "auto" and self.gamma < 0:
            raise ConfigError(f"gamma {self.gamma} must not be negative")
        if self.interval < 1:
            raise ConfigError(f"interval {self.interval} must be at least 1")
