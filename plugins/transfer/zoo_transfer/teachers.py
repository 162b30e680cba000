"""Frozen copies of the source inside a GAN or a term: built from the source's structure, filled by edits."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from zoo.plugin import GAN, Autoencoder, DataSpec, Edit, Features, build_part, convert_samples, map_weights

__all__ = ["Teacher", "device_of", "parts_of", "stage_shapes", "teacher_of"]


class Teacher(nn.Module):
    """The source's encoder and bottleneck, and its decoder where asked for. It looks at the GAN's samples, `data`, and
    fits them to those that the source learnt from."""

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
        """It stays in eval mode."""
        return super().train(False)

    def features(self, x: Tensor) -> Features:
        """x (N, *data.shape) -> embedding and stages."""
        own: DataSpec = self.encoder.data  # type: ignore[assignment]
        return self.encoder.features(convert_samples(x, self.data, own))  # type: ignore[operator]

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, latent_dim) -> samples (N, *data.shape) of the GAN's kind."""
        assert self.decoder is not None, "the teacher was made with decoder=True"
        own: DataSpec = self.decoder.data  # type: ignore[assignment]
        return convert_samples(self.decoder(code), own, self.data)

    def code(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> mean codes (N, latent_dim)."""
        return self.bottleneck(self.features(x).embedding).mean

    def look(self, x: Tensor) -> tuple[Features, Tensor]:
        """Features and mean codes in one pass."""
        features = self.features(x)
        return features, self.bottleneck(features.embedding).mean


def teacher_of(source: Autoencoder, gan: GAN, *, decoder: bool = False) -> Teacher:
    """A teacher of the source's structure on the GAN's device, its values still to come."""
    device = device_of(gan)
    encoder = build_part("encoder", source.specs["encoder"], "encoder", source.data, device=device)
    width: int = encoder.embedding_dim
    spec = source.specs["bottleneck"]
    bottleneck = build_part("bottleneck", spec, "bottleneck", width, source.latent_dim, device=device)
    made = None
    if decoder:
        spec = source.specs["decoder"]
        made = build_part("generator", spec, "decoder", source.data, source.latent_dim, device=device)
    return Teacher(gan.data, encoder, bottleneck, made)


def parts_of(source: Autoencoder, teacher: Teacher, net: str, prefix: str = "teacher.") -> tuple[list[Edit], set[str]]:
    """The edits that fill a teacher which `net` calls `prefix`, and the names of its tensors, all frozen."""
    edits: list[Edit] = []
    for role, target in teacher.named_children():
        edits += map_weights(source.parts[role], role, target, net, f"{prefix}{role}.")
    return edits, {edit.tensor for edit in edits}


def stage_shapes(encoder: nn.Module, data: DataSpec) -> tuple[tuple[int, ...], ...]:
    """The shapes of an encoder's (or a discriminator's) stages without the batch, found on the meta device."""
    shadow = copy.deepcopy(encoder).to("meta").eval()
    x = torch.empty(2, *data.shape, device="meta")
    stages = shadow.features(x).stages if hasattr(shadow, "features") else shadow.discriminate(x).stages  # type: ignore[operator]
    return tuple(tuple(stage.shape[1:]) for stage in stages)


def device_of(gan: GAN) -> str:
    """Where the GAN lies: `cpu`, `meta`, ..."""
    return next(gan.generator.parameters()).device.type
