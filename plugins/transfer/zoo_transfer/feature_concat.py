"""The discriminator gets a second head, on a frozen encoder's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    DiscriminatorOutput,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    map_weights,
)
from zoo_transfer.configs.wrappers import FeatureConcatConfig, FeatureDiscriminatorConfig
from zoo_transfer.discriminator_wrapper import FrozenEncoderWrapper, require_logits
from zoo_transfer.gan_parts import with_component

__all__ = ["FeatureConcat", "FeatureDiscriminator"]

_CHANNELS = 64
"""With more channels the head costs more than the encoder; in a narrow encoder fewer suffice."""


class FeatureHead(nn.Module):
    """Stages (N, c_l, ...) -> one logit: 1x1 convolution, LeakyReLU, mean over positions, then one linear layer."""

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(spectral_norm(nn.Conv1d(width, channels, 1)) for width in widths)
        self.last = nn.Linear(channels * len(widths), 1)
        nn.init.normal_(self.last.weight, 0.0, 0.02)
        nn.init.zeros_(self.last.bias)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """(N, 1)."""
        pooled = []
        for stage, project in zip(stages, self.project, strict=True):
            flat = stage.reshape(*stage.shape[:2], -1)  # (N, c_l, positions)
            pooled.append(leaky_relu(project(flat), 0.2).mean(2))
        return self.last(torch.cat(pooled, 1))


class FeatureDiscriminator(FrozenEncoderWrapper):
    """D(x) = base(x) + a head(phi(x)), phi the last stages of a frozen encoder; G's gradient flows through both.

    Bang and Shim 2018 apply a linear layer to the concatenation [h; phi] of D's features and the encoder's. Such a
    layer is a sum of two, so this is their model; the base keeps its own head, and a = 0 is exactly the base.
    """

    def __init__(self, config: FeatureDiscriminatorConfig, data: DataSpec) -> None:
        super().__init__(config.base, config.encoder, data)
        self.strength = config.strength
        widths: tuple[int, ...] = self.encoder.stage_channels
        self.used = min(config.stages, len(widths))
        self.head = FeatureHead(widths[-self.used :], config.channels)

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> the base's logits, each with the head's added, and the base's stages."""
        logits, stages = self.judge_base(x, condition)
        features = self.encoder.features(x).stages[-self.used :]
        return DiscriminatorOutput(logits + self.strength * self.head(features), stages)


class FeatureConcat(TransferStrategy):
    """D(x) := D(x) + a head(phi(x)), phi the frozen encoder's last stages, with a trained head (RFGAN: Bang and Shim
    2018, "Improved training of generative adversarial networks using representative features")."""

    slots = frozenset({Slot.WRAP})
    requires = frozenset({Source.ENCODER})

    def __init__(self, config: FeatureConcatConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A discriminator that wraps the GAN's own, and edits of the encoder in it."""
        require_logits(source, gan, "feature-concat")
        config = self.config
        widths: tuple[int, ...] = source.encoder.stage_channels
        channels = config.channels or min(_CHANNELS, *widths[-config.stages :])
        settings = FeatureDiscriminatorConfig(
            gan.specs["discriminator"], source.specs["encoder"], config.strength, config.stages, channels
        )
        gan = with_component(gan, "discriminator", "feature-concat", settings, inner="base", seed=config.seed)
        edits = map_weights(source.encoder, "encoder", gan.discriminator.encoder, "discriminator", "encoder.")  # type: ignore[arg-type]
        names = {edit.tensor for edit in edits}
        return TransferPlan(
            gan,
            edits,
            frozen={"discriminator": names},
            required_tensors={"discriminator": set(names)},
            wraps={"discriminator": "base"},
        )

    def noop_config(self) -> FeatureConcatConfig:
        """The head's logit times 0."""
        return FeatureConcatConfig(strength=0.0)
