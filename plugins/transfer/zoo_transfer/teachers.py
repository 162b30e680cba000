"""A frozen copy of the autoencoder for a loss: built from its specs while planning, filled by edits."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from zoo.plugin import GAN, Autoencoder, DataSpec, Edit, Features, build_part, convert_samples, map_weights
from zoo_transfer.gan_parts import device_of

__all__ = ["Teacher", "build_teacher", "stage_shapes", "teacher_edits"]


class Teacher(nn.Module):
    """The source's encoder, bottleneck and, if given, decoder, always in eval mode.

    Its inputs and outputs are samples of the GAN, described by `data`; they are converted to and from the channels,
    size and value range of the source's own.
    """

    def __init__(
        self, data: DataSpec, encoder: nn.Module, bottleneck: nn.Module, decoder: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.data = data
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)

    def features(self, x: Tensor) -> Features:
        """x (N, *data.shape) -> embedding and stages."""
        source_data: DataSpec = self.encoder.data  # type: ignore[assignment]
        return self.encoder.features(convert_samples(x, self.data, source_data))  # type: ignore[operator]

    def features_and_code(self, x: Tensor) -> tuple[Features, Tensor]:
        """x (N, *data.shape) -> features, and mean codes (N, *code_shape), in one pass."""
        features = self.features(x)
        return features, self.bottleneck(features.embedding).mean

    def code(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> mean codes (N, *code_shape)."""
        return self.features_and_code(x)[1]

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, *code_shape) -> samples (N, *data.shape)."""
        assert self.decoder is not None, "build the teacher with decoder=True"
        source_data: DataSpec = self.decoder.data  # type: ignore[assignment]
        return convert_samples(self.decoder(code), source_data, self.data)


def build_teacher(source: Autoencoder, gan: GAN, *, decoder: bool = False) -> Teacher:
    """A teacher with the source's structure and fresh weights, on the GAN's device; fill it with `teacher_edits`."""
    specs, device = source.specs, device_of(gan)
    encoder = build_part("encoder", specs["encoder"], "encoder", source.data, device=device)
    sizes = encoder.embedding_shape, source.code_shape
    bottleneck = build_part("bottleneck", specs["bottleneck"], "bottleneck", *sizes, device=device)
    copied_decoder = None
    if decoder:
        sizes = source.data, source.code_shape
        copied_decoder = build_part("generator", specs["decoder"], "decoder", *sizes, device=device)
    return Teacher(gan.data, encoder, bottleneck, copied_decoder)


def teacher_edits(source: Autoencoder, teacher: Teacher, net: str) -> tuple[list[Edit], set[str]]:
    """The edits that copy the source into the child `teacher` of `net`, and the names of its tensors, to be frozen."""
    edits: list[Edit] = []
    for role, target in teacher.named_children():
        edits += map_weights(source.parts[role], role, target, net, f"teacher.{role}.")
    return edits, {edit.tensor for edit in edits}


def stage_shapes(net: nn.Module, data: DataSpec) -> tuple[tuple[int, ...], ...]:
    """The shapes, without the batch, of an encoder's or a discriminator's stages; computed on the meta device."""
    shadow = copy.deepcopy(net).to("meta").eval()
    x = torch.empty(2, *data.shape, device="meta")
    stages = shadow.features(x).stages if hasattr(shadow, "features") else shadow.discriminate(x).stages  # type: ignore[operator]
    return tuple(tuple(stage.shape[1:]) for stage in stages)
