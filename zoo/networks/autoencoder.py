"""Autoencoder = encoder + bottleneck + decoder; the decoder is a generator."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoo.networks.types import Bottleneck, Encoder, Generator, Posterior
from zoo.networks.utils import evaluating
from zoo.types import DataSpec, Origin, PartSpec, TrainedBy

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """x -> code -> x. `specs` maps the roles encoder, bottleneck and decoder to the components that they were built
    from; `origin` is the release of the weights, if any, and `trained_by` the run that trained them, if any."""

    def __init__(
        self,
        encoder: Encoder,
        bottleneck: Bottleneck,
        decoder: Generator,
        specs: Mapping[str, PartSpec],
        origin: Origin | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.specs = dict(specs)
        self.origin = origin
        self.trained_by: TrainedBy | None = None

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        return self.decoder.data

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code; flat codes have one axis."""
        return self.decoder.code_shape

    @property
    def code_size(self) -> int:
        """The number of values of a code."""
        return math.prod(self.code_shape)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules by role."""
        return {"encoder": self.encoder, "bottleneck": self.bottleneck, "decoder": self.decoder}

    def posterior(self, x: Tensor) -> Posterior:
        """x (N, *data.shape) -> the distribution of its code; differentiable, in the current mode."""
        return self.bottleneck(self.encoder.features(x).embedding)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> its reconstruction through the mean code; differentiable."""
        return self.decoder(self.posterior(x).mean)

    @torch.no_grad()
    def encode(self, x: Tensor, chunk: int = 64) -> Tensor:
        """x (N, *data.shape) in the value range -> mean codes (N, *code_shape), in eval mode, on the CPU."""
        device = next(self.encoder.parameters()).device
        with evaluating(self):
            return torch.cat([self.posterior(batch.to(device)).mean.cpu() for batch in x.split(chunk)])

    @torch.no_grad()
    def decode(self, z: Tensor, chunk: int = 64) -> Tensor:
        """z (N, *code_shape) -> images (N, *data.shape) in the value range, in eval mode, on the CPU."""
        device = next(self.decoder.parameters()).device
        with evaluating(self):
            return torch.cat([self.decoder(batch.to(device)).cpu() for batch in z.split(chunk)])

    def reconstruct(self, x: Tensor, chunk: int = 64) -> Tensor:
        """x (N, *data.shape) -> its reconstruction, in eval mode, on the CPU."""
        return self.decode(self.encode(x, chunk), chunk)
