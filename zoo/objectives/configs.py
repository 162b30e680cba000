"""Settings of the objectives and regularisers that come with the core (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ConfigError

__all__ = ["NonSaturatingConfig", "R1Config", "ReconstructionConfig", "RelativisticConfig", "VariationalConfig"]


@dataclass(frozen=True)
class ReconstructionConfig:
    """`noise` is the standard deviation of the Gaussian noise added to the input, in units of the value range."""

    noise: float = 0.0
    code_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.noise < 0 or self.code_penalty < 0:
            raise ConfigError(f"noise {self.noise} and code_penalty {self.code_penalty} must not be negative")


@dataclass(frozen=True)
class VariationalConfig:
    """`beta` weighs the KL term: 1 is a Gaussian likelihood of variance 1/2 per value."""

    beta: float = 1.0

    def __post_init__(self) -> None:
        if self.beta < 0:
            raise ConfigError(f"beta {self.beta} must not be negative")


@dataclass(frozen=True)
class NonSaturatingConfig:
    """The original GAN's loss with the generator's -log D."""


@dataclass(frozen=True)
class RelativisticConfig:
    """The paired relativistic loss."""


@dataclass(frozen=True)
class R1Config:
    """`gamma` weighs the squared gradient norm (times 1/2); it is computed every `interval` steps."""

    gamma: float = 1.0
    interval: int = 4

    def __post_init__(self) -> None:
        if self.gamma < 0:
            raise ConfigError(f"gamma {self.gamma} must not be negative")
        if self.interval < 1:
            raise ConfigError(f"interval {self.interval} must be at least 1")
