"""The frozen encoder's features beside the discriminator's own."""

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
from zoo_transfer.configs.discriminators import FeatureConcatConfig, FeatureDiscriminatorConfig
from zoo_transfer.frozen_encoder import FrozenEncoderWrapper, require_logits_and_data, wrap_discriminator

__all__ = ["FeatureConcat", "FeatureDiscriminator"]

_CHANNELS = 64
"""More made the head dearer than the encoder that it reads: in a narrow net it does so at once."""


class FeatureHead(nn.Module):
    """Stages (N, c_l, ...) -> one logit: 1x1 convolution, LeakyReLU, mean over places, then a linear map of all."""

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(spectral_norm(nn.Conv1d(width, channels, 1)) for width in widths)
        self.last = nn.Linear(channels * len(widths), 1)
        nn.init.normal_(self.last.weight, 0.0, 0.02)
        nn.init.zeros_(self.last.bias)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """(N, 1)."""
        seen = []
        for stage, project in zip(stages, self.project, strict=True):
            places = stage.reshape(*stage.shape[:2], -1)  # (N, c_l, places)
            seen.append(leaky_relu(project(places), 0.2).mean(2))
        return self.last(torch.cat(seen, 1))


class FeatureDiscriminator(FrozenEncoderWrapper):
    """D(x) = base(x) + a head(phi(x)); phi are the last stages of a frozen encoder, and G learns through them too.

    A linear map of [h; phi] is the sum of two, so this is the concatenation of Bang and Shim 2018 with the base's own
    head kept, and a = 0 is the base exactly.
    """

    def __init__(self, config: FeatureDiscriminatorConfig, data: DataSpec) -> None:
        super().__init__(config.base, config.encoder, data)
        self.strength = config.strength
        widths: tuple[int, ...] = self.encoder.stage_channels
        self.used = min(config.stages, len(widths))
        self.head = FeatureHead(widths[-self.used :], config.channels)

    @property
    def logit_groups(self) -> tuple[int, ...]:
        """The base's."""
        return self.base.logit_groups

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """x (N, *data.shape) -> the base's logits, each with the head's added, and the base's stages."""
        logits, stages = self.base.discriminate(x)
        seen = self.encoder.features(x).stages[-self.used :]
        return DiscriminatorOutput(logits + self.strength * self.head(seen), stages)


class FeatureConcat(TransferStrategy):
    """D gets a trained head on phi(x), the frozen encoder's last stages (RFGAN: Bang and Shim 2018, "Improved
    training of generative adversarial networks using representative features")."""

    slots = frozenset({Slot.WRAP})
    requires = frozenset({Source.ENCODER})

    def __init__(self, config: FeatureConcatConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A discriminator around the one that is there, with the encoder's values in it."""
        require_logits_and_data(source, gan, "feature-concat")
        config = self.config
        widths: tuple[int, ...] = source.encoder.stage_channels
        channels = config.channels or min(_CHANNELS, *widths[-config.stages :])
        settings = FeatureDiscriminatorConfig(
            gan.specs["discriminator"], source.specs["encoder"], config.strength, config.stages, channels
        )
        after = wrap_discriminator(gan, settings, "feature-concat", config.seed)
        edits = map_weights(source.encoder, "encoder", after.discriminator.encoder, "discriminator", "encoder.")  # type: ignore[arg-type]
        names = {edit.tensor for edit in edits}
        return TransferPlan(
            after,
            edits,
            frozen={"discriminator": names},
            required_tensors={"discriminator": set(names)},
            wraps={"discriminator": "base"},
        )

    def noop_config(self) -> FeatureConcatConfig:
        """The head's logit times 0."""
        return FeatureConcatConfig(strength=0.0)
