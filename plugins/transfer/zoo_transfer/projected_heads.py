"""Projected GAN: D gets heads on random projections of a frozen encoder's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrizations import spectral_norm

from zoo.plugin import (
    GAN,
    Autoencoder,
    CompositionError,
    DataSpec,
    DiscriminatorOutput,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    map_weights,
    normalise,
)
from zoo_transfer.configs.wrappers import ProjectedDiscriminatorConfig, ProjectedHeadsConfig
from zoo_transfer.discriminator_wrapper import FrozenEncoderWrapper, require_logits
from zoo_transfer.gan_parts import with_component
from zoo_transfer.teachers import stage_shapes

__all__ = ["Mixing", "ProjectedDiscriminator", "ProjectedHeads"]

_SMALLEST = 4
"""The largest side of a head's map of logits."""


class Mixing(nn.Module):
    """Cross-channel and cross-scale mixing (Sauer et al. 2021): 1x1 convolutions of each stage, then, from
    coarse to fine, a 3x3 convolution of the resized coarser result is added.

    All weights are random (Kaiming) and frozen. Stages without positions are projected by matrices.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], channels: int) -> None:
        super().__init__()
        self.widths = tuple(channels * 2**i for i in range(len(shapes)))
        across = [_linear(shape, shape[0], width, 1) for shape, width in zip(shapes, self.widths, strict=True)]
        down = [
            _linear(shape, coarser, width, 3)
            for shape, coarser, width in zip(shapes, self.widths[1:], self.widths, strict=False)
        ]
        self.across = nn.ModuleList(across)
        self.down = nn.ModuleList(down)
        for layer in (*across, *down):
            nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Stages (N, c_l, ...) -> maps (N, channels 2^l, ...) of the same positions."""
        mixed = [layer(stage) for layer, stage in zip(self.across, stages, strict=True)]
        for i in reversed(range(len(self.down))):
            coarser = mixed[i + 1]
            if mixed[i].dim() == 4:
                coarser = interpolate(coarser, mixed[i].shape[2:], mode="bilinear", align_corners=False)
            mixed[i] = mixed[i] + self.down[i](coarser)
        return mixed


class _Head(nn.Module):
    """A map (N, width, ...) -> logits (N, logits): convolutions of stride 2 down to at most 4x4, then one to logits;
    all spectrally normalised."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if len(shape) == 1:
            layers = [spectral_norm(nn.Linear(width, width)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(width, 1))]
            self.logits = 1
        else:
            height, across = shape[1:]
            while min(height, across) > _SMALLEST:
                layers += [spectral_norm(nn.Conv2d(width, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
                height, across = height // 2, across // 2
            layers.append(spectral_norm(nn.Conv2d(width, 1, 3, padding=1)))
            self.logits = height * across
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, logits)."""
        return self.net(x).flatten(1)


class ProjectedDiscriminator(FrozenEncoderWrapper):
    """The base's logits, then those of one head per projected stage of a frozen encoder. Each head is a logit group.
    Without a base this is Projected GAN's discriminator."""

    frozen_children = ("encoder", "mixing")

    def __init__(self, config: ProjectedDiscriminatorConfig, data: DataSpec) -> None:
        seen = _enlarged(data, config.size)
        super().__init__(config.base, config.encoder, data, seen)
        self.strength = config.strength
        self.sides = None if seen is data else seen.shape[1:]
        shapes = stage_shapes(self.encoder, seen)
        self.used = min(config.stages, len(shapes))
        shapes = shapes[-self.used :]
        if len({len(shape) for shape in shapes}) > 1:
            shapes = tuple(shape for shape in shapes if len(shape) == len(shapes[-1]))
            self.used = len(shapes)
        self.mixing = Mixing(shapes, config.channels).requires_grad_(False)
        heads = [_Head(shape, width) for shape, width in zip(shapes, self.mixing.widths, strict=True)]
        self.heads = nn.ModuleList(heads)
        self.logit_groups = (*self.logit_groups, *(head.logits for head in heads))

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> all logits (N, k) and the base's stages, without a base the projected ones."""
        logits, stages = self.judge_base(x, condition)
        if self.sides is not None:
            x = interpolate(x, self.sides, mode="bilinear", align_corners=False)
        mixed = self.mixing(self.encoder.features(x).stages[-self.used :])
        heads = [self.strength * head(part) for head, part in zip(self.heads, mixed, strict=True)]
        return DiscriminatorOutput(torch.cat([logits, *heads], 1), tuple(mixed) if self.base is None else stages)


class ProjectedHeads(TransferStrategy):
    """L_D = L(D(x)) + sum_l L(D_l(P_l(phi(x)))), with heads D_l on frozen random projections P_l of the frozen
    encoder's stages (Projected GAN: Sauer et al. 2021, "Projected GANs converge faster").

    Unlike in the paper, the discriminator of images stays: an autoencoder's features alone make a weak discriminator.
    Objectives average within a head and sum over heads.
    """

    slots = frozenset({Slot.WRAP})
    requires = frozenset({Source.ENCODER})

    def __init__(self, config: ProjectedHeadsConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A discriminator that wraps the GAN's own, and edits of the encoder in it."""
        require_logits(source, gan, "projected-heads")
        config = self.config
        if not config.strength:
            return TransferPlan(gan)
        encoder = source.specs["encoder"] if config.encoder is None else normalise("encoder", config.encoder)
        settings = ProjectedDiscriminatorConfig(
            encoder, gan.specs["discriminator"], config.strength, config.stages, config.channels
        )
        gan = with_component(gan, "discriminator", "projected-heads", settings, inner="base", seed=config.seed)
        wrapper = gan.discriminator
        frozen = {name for name in wrapper.state_dict() if name.startswith(("encoder.", "mixing."))}
        planned = TransferPlan(gan, frozen={"discriminator": frozen}, wraps={"discriminator": "base"})
        if config.encoder is None:
            planned.edits = map_weights(source.encoder, "encoder", wrapper.encoder, "discriminator", "encoder.")  # type: ignore[arg-type]
            planned.required_tensors = {"discriminator": {edit.tensor for edit in planned.edits}}
        else:
            planned.notes.append(f"projected-heads reads {encoder.component} with the weights that it is built with")
        return planned

    def noop_config(self) -> ProjectedHeadsConfig:
        """Strength 0: no head is built, as even constant logits would count in the loss."""
        return ProjectedHeadsConfig(strength=0.0)


def _enlarged(data: DataSpec, size: int | None) -> DataSpec:
    """The samples with a shorter side of `size`, if that is larger. Raises CompositionError for other samples than
    images."""
    if size is None:
        return data
    if not data.is_spatial:
        raise CompositionError(f"projected-heads enlarges images; asked: {data}", "Leave out size.")
    height, width = data.shape[1:]
    if size <= min(height, width):
        return data
    scale = size / min(height, width)
    return replace(data, shape=(data.shape[0], round(height * scale), round(width * scale)))


def _linear(shape: tuple[int, ...], n_in: int, n_out: int, kernel: int) -> nn.Module:
    if len(shape) == 1:
        return nn.Linear(n_in, n_out, bias=False)
    return nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
