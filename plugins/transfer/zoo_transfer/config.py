"""Settings of the strategies and of the components that they put into a GAN (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zoo.errors import ConfigError
from zoo.specs import PartSpec

__all__ = [
    "AutoencoderPriorConfig",
    "BeganConfig",
    "DecoderInitConfig",
    "DenoisingFeaturesConfig",
    "EbganConfig",
    "ElasticConfig",
    "EncoderInitConfig",
    "EnergyConfig",
    "EnergyDiscriminatorConfig",
    "FeatureConcatConfig",
    "FeatureDiscriminatorConfig",
    "FeatureDistillConfig",
    "FeatureMomentsConfig",
    "FlowPriorConfig",
    "FreezeLowerConfig",
    "GaussianPriorConfig",
    "LatentGanConfig",
    "LatentGeneratorConfig",
    "MinedGeneratorConfig",
    "MinerConfig",
    "MixturePriorConfig",
    "ProjectedDiscriminatorConfig",
    "ProjectedHeadsConfig",
    "RandomEncoderConfig",
    "RecalibratedNormConfig",
    "ReconAnchorConfig",
    "ScratchConfig",
    "ShuffledInitConfig",
    "SpectralGainConfig",
    "StartingPointConfig",
]


def _check(config: Any, **limits: tuple[float, float]) -> None:
    """Hold numbers to closed ranges. Raises ConfigError naming the setting."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} {value} is not within {low:g} to {high:g}")


_MANY = 1e9
"""More than anybody uses: images, steps, weights."""


# ---------------------------------------------------------------- controls


@dataclass(frozen=True)
class ScratchConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class RandomEncoderConfig:
    """`seed` draws the weights that replace the encoder's and the bottleneck's."""

    seed: int = 0


@dataclass(frozen=True)
class ShuffledInitConfig:
    """`seed` draws the permutations."""

    seed: int = 0


@dataclass(frozen=True)
class AutoencoderPriorConfig:
    """`components`, `shrinkage`, `ridge` and `seed` of the mixture, as in gmm-prior."""

    components: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, components=(1, 1000), shrinkage=(0, 1), ridge=(1e-12, _MANY))


# ---------------------------------------------------------------- weights


@dataclass(frozen=True)
class DecoderInitConfig:
    """The discriminator learns alone for `warmup_images`, or until it ranks more than `warmup_accuracy` of the pairs
    (real, generated) right (1: no end before); then the generator's learning rate rises linearly from `ramp_start`
    times its own to its own over `ramp_images`. With both 0 the generator learns from the start."""

    warmup_images: int = 0
    warmup_accuracy: float = 0.8
    ramp_images: int = 0
    ramp_start: float = 0.25

    def __post_init__(self) -> None:
        _check(self, warmup_images=(0, _MANY), ramp_images=(0, _MANY), ramp_start=(0, 1), warmup_accuracy=(0.5, 1))


@dataclass(frozen=True)
class EncoderInitConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class SpectralGainConfig:
    """`base`: a discriminator, whose spectrally normalised layers get a fixed gain."""

    base: PartSpec


@dataclass(frozen=True)
class FreezeLowerConfig:
    """`stages` of the discriminator, from the image on, that do not learn until the part `unfreeze_after` of the budget
    is spent (1: never)."""

    stages: int = 1
    unfreeze_after: float = 1.0

    def __post_init__(self) -> None:
        _check(self, stages=(0, 1000), unfreeze_after=(0, 1))


@dataclass(frozen=True)
class StartingPointConfig:
    """`generator` and `discriminator` weigh the squared distance of each net's weights from their start."""

    generator: float = 1e-3
    discriminator: float = 0.0

    def __post_init__(self) -> None:
        _check(self, generator=(0, _MANY), discriminator=(0, _MANY))


@dataclass(frozen=True)
class ElasticConfig:
    """`weight` of the anchor; the Fisher information is estimated on `samples` codes drawn with `seed`."""

    weight: float = 1e-3
    samples: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, weight=(0, _MANY), samples=(1, 1e6))


# ---------------------------------------------------------------- priors


@dataclass(frozen=True)
class GaussianPriorConfig:
    """`fold`: put the Gaussian into the generator's first layer, so that the GAN keeps N(0, I). `ridge` is added to the
    covariance's diagonal."""

    fold: bool = True
    ridge: float = 1e-4

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")


@dataclass(frozen=True)
class MixturePriorConfig:
    """`components` Gaussians with full covariances, each shrunk towards its diagonal by `shrinkage`."""

    components: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.components <= 1000:
            raise ConfigError(f"components {self.components} is not within 1 to 1,000")
        if not 0 <= self.shrinkage <= 1:
            raise ConfigError(f"shrinkage {self.shrinkage} is not within 0 to 1")
        if self.ridge <= 0:
            raise ConfigError(f"ridge {self.ridge} must be positive")


@dataclass(frozen=True)
class FlowPriorConfig:
    """A flow of `layers` affine couplings of `width`, fitted in `steps` of `batch` codes (Adam, `learning_rate`)."""

    layers: int = 6
    width: int = 64
    steps: int = 1000
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, layers=(1, 64), width=(1, 8192), steps=(1, 1e7), batch=(1, 1e6), learning_rate=(1e-9, 1))


# ---------------------------------------------------------------- added losses


@dataclass(frozen=True)
class ReconAnchorConfig:
    """`weight` of the anchor at the start; it falls to 0 as a cosine over `images`. `pixels` weighs the L1 distance of
    the images against the distance of the features."""

    weight: float = 1.0
    pixels: float = 0.1
    images: int = 50_000

    def __post_init__(self) -> None:
        _check(self, weight=(0, _MANY), pixels=(0, _MANY), images=(1, _MANY))


@dataclass(frozen=True)
class FeatureMomentsConfig:
    """`weight` of the moments' distance; their moving average keeps `keep` of itself a step. `alone`: no discriminator
    at all, the generator learns from the moments only."""

    weight: float = 0.3
    keep: float = 0.99
    alone: bool = False

    def __post_init__(self) -> None:
        _check(self, weight=(0, _MANY), keep=(0, 0.999999))
        if self.alone and not self.weight:
            raise ConfigError("alone with weight 0 leaves the generator nothing to learn from")


@dataclass(frozen=True)
class DenoisingFeaturesConfig:
    """`weight` of the term; the denoiser has three layers of `width` and is trained in `steps` of `batch` codes with
    noise of standard deviation `noise` (codes are standardised)."""

    weight: float = 0.05
    width: int = 512
    noise: float = 1.0
    steps: int = 1000
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, weight=(0, _MANY), width=(1, 8192), noise=(0, 100), steps=(1, 1e7), batch=(2, 1e6))
        _check(self, learning_rate=(1e-9, 1))


@dataclass(frozen=True)
class FeatureDistillConfig:
    """`discriminator` weighs the features' distance, falling to 0 linearly over `images`; `generator` weighs the L1
    distance between G(z) and the decoder's image of z, falling to 0 linearly over `generator_images`."""

    discriminator: float = 1.0
    images: int = 50_000
    generator: float = 1.0
    generator_images: int = 25_600
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, discriminator=(0, _MANY), generator=(0, _MANY), images=(1, _MANY), generator_images=(1, _MANY))


# ---------------------------------------------------------------- around the nets


@dataclass(frozen=True)
class FeatureConcatConfig:
    """`strength` of the head on the encoder's last `stages`; each is projected to `channels`."""

    strength: float = 0.5
    stages: int = 3
    channels: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, strength=(0, _MANY), stages=(1, 64), channels=(1, 8192))


@dataclass(frozen=True)
class FeatureDiscriminatorConfig:
    """`base` judges images, a head on the last `stages` of the frozen `encoder` adds `strength` times its logit."""

    base: PartSpec
    encoder: PartSpec
    strength: float = 0.5
    stages: int = 3
    channels: int = 64

    def __post_init__(self) -> None:
        _check(self, strength=(0, _MANY), stages=(1, 64), channels=(1, 8192))


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
        _check(self, strength=(0, _MANY), stages=(1, 64), channels=(1, 8192))


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
        _check(self, strength=(0, _MANY), stages=(1, 64), channels=(1, 8192))


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
        _check(self, margin=(0, _MANY), pull_away=(0, _MANY), gamma=(0, 1), lambda_k=(0, 1))


@dataclass(frozen=True)
class EnergyDiscriminatorConfig:
    """The autoencoder whose error judges."""

    encoder: PartSpec
    bottleneck: PartSpec
    decoder: PartSpec
    latent_dim: int
    norm: Literal["l1", "l2"] = "l2"

    def __post_init__(self) -> None:
        _check(self, latent_dim=(1, 65536))


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
        _check(self, critic_steps=(1, 1000), penalty=(0, _MANY), joint_after=(0, 1))
        _check(self, joint_warmup_images=(0, _MANY), joint_ramp_images=(0, _MANY))
        if not self.widths or any(not 1 <= width <= 65536 for width in self.widths):
            raise ConfigError(f"widths {list(self.widths)} are not whole numbers within 1 to 65,536")


@dataclass(frozen=True)
class LatentGeneratorConfig:
    """`generator` behind a map of noise to its standardised codes."""

    generator: PartSpec
    widths: tuple[int, ...] = (256, 256, 256)

    def __post_init__(self) -> None:
        if not self.widths or any(not 1 <= width <= 65536 for width in self.widths):
            raise ConfigError(f"widths {list(self.widths)} are not whole numbers within 1 to 65,536")


@dataclass(frozen=True)
class MinerConfig:
    """A miner of `widths` in front of the generator, added with `strength`; the generator itself learns too unless
    `freeze`."""

    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0
    freeze: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, strength=(0, _MANY))
        if not self.widths or any(not 1 <= width <= 65536 for width in self.widths):
            raise ConfigError(f"widths {list(self.widths)} are not whole numbers within 1 to 65,536")


@dataclass(frozen=True)
class MinedGeneratorConfig:
    """`generator` behind a miner."""

    generator: PartSpec
    widths: tuple[int, ...] = (64, 64)
    strength: float = 1.0

    def __post_init__(self) -> None:
        _check(self, strength=(0, _MANY))
        if not self.widths or any(not 1 <= width <= 65536 for width in self.widths):
            raise ConfigError(f"widths {list(self.widths)} are not whole numbers within 1 to 65,536")


@dataclass(frozen=True)
class EbganConfig:
    """`margin`: the energy beyond which a fake no longer interests D. `pull_away` weighs the term on the fakes'
    codes."""

    margin: float = 1.0
    pull_away: float = 0.1

    def __post_init__(self) -> None:
        _check(self, margin=(0, _MANY), pull_away=(0, _MANY))


@dataclass(frozen=True)
class BeganConfig:
    """`gamma`: the wanted ratio of a fake's energy to a real one's, lower is sharper. `lambda_k`: the control's
    step."""

    gamma: float = 0.5
    lambda_k: float = 1e-3

    def __post_init__(self) -> None:
        _check(self, gamma=(0, 1), lambda_k=(0, 1))


@dataclass(frozen=True)
class RecalibratedNormConfig:
    """`batches` of `batch` codes each; `seed` draws them."""

    batches: int = 100
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, batches=(0, 1e6), batch=(2, 1e6))
