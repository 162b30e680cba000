"""Settings of what makes a GAN take a class or attributes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import ConfigError, PartSpec
from zoo_transfer.configs.ranges import MANY, check_ranges

__all__ = [
    "ClassAuxiliaryConfig",
    "ClassEmbeddingConfig",
    "ClassMixtureConfig",
    "ClassNormalisationConfig",
    "ClassPriorConfig",
    "ClassProjectionConfig",
    "EmbeddedGeneratorConfig",
    "NormalisedGeneratorConfig",
    "ProjectionDiscriminatorConfig",
]

_MOST_NUMBERS = 2**26
"""Of all covariances (256 MiB of float32)."""


@dataclass(frozen=True)
class EmbeddedGeneratorConfig:
    """The `generator` in front of which a class becomes a shift of the code."""

    generator: PartSpec


@dataclass(frozen=True)
class ClassEmbeddingConfig:
    """It has no settings."""


@dataclass(frozen=True)
class NormalisedGeneratorConfig:
    """The `generator` whose normalisations a class sets."""

    generator: PartSpec


@dataclass(frozen=True)
class ClassNormalisationConfig:
    """It has no settings."""


@dataclass(frozen=True)
class ClassAuxiliaryConfig:
    """The weight of naming classes in the `generator`'s loss and in the `discriminator`'s."""

    generator: float = 0.1
    discriminator: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, generator=(0, MANY), discriminator=(0, MANY))


@dataclass(frozen=True)
class ProjectionDiscriminatorConfig:
    """The discriminator, or encoder, `base` whose last stage is compared with a vector of each class."""

    base: PartSpec


@dataclass(frozen=True)
class ClassProjectionConfig:
    """It has no settings."""


@dataclass(frozen=True)
class ClassMixtureConfig:
    """For each of `classes` a mixture of `components` Gaussians, fitted to codes."""

    classes: int
    components: int = 1

    def __post_init__(self) -> None:
        check_ranges(self, classes=(1, 10_000), components=(1, 1000))


@dataclass(frozen=True)
class ClassPriorConfig:
    """A class of n images gets `components` Gaussians, or as many as it has `least` images for each. Each covariance
    counts as much as its images, the pooled covariance within the classes as much as `pooled` images. `ridge` is added
    to the diagonal. At most `max_codes` codes are used, evenly spread; `seed` draws the initial means. The defaults
    gave the most right digits of ten settings that were tried."""

    components: int = 12
    least: int = 30
    pooled: float = 5.0
    ridge: float = 1e-4
    max_codes: int = 50_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, components=(1, 1000), least=(2, MANY), pooled=(0, MANY), max_codes=(2, MANY))
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")

    def check_size(self, classes: int, values: int) -> None:
        """Raises ConfigError if the covariances would be too many numbers."""
        if classes * self.components * values**2 > _MOST_NUMBERS:
            raise ConfigError(
                f"{classes * self.components:,} covariances of {values:,} values a code take more than 256 MiB",
                "Use an autoencoder with shorter codes; or class-embedding, which fits nothing.",
            )
