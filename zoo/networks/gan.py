"""GAN = prior + generator + discriminator."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoo._utils.seeds import stream
from zoo.data.grids import grid, png_bytes
from zoo.data.pixels import to_uint8
from zoo.networks.types import Discriminator, Generator, Prior
from zoo.networks.utils import evaluating
from zoo.types import DataSpec, PartSpec

__all__ = ["CHUNK", "GAN"]

CHUNK = 64
"""How many codes the generator gets at once. It affects the samples, as rounding depends on the batch size."""


class GAN(nn.Module):
    """Prior, generator and discriminator. `specs` maps these roles to the components that they were built from."""

    def __init__(
        self, prior: Prior, generator: Generator, discriminator: Discriminator, specs: Mapping[str, PartSpec]
    ) -> None:
        super().__init__()
        self.prior = prior
        self.generator = generator
        self.discriminator = discriminator
        self.specs = dict(specs)

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        return self.generator.data

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code; flat codes have one axis."""
        return self.generator.code_shape

    @property
    def code_size(self) -> int:
        """The number of values of a code."""
        return math.prod(self.code_shape)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules by role."""
        return {"prior": self.prior, "generator": self.generator, "discriminator": self.discriminator}

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """n codes (n, *code_shape) from the prior."""
        return self.prior.sample(n, stream(seed, "sample"))

    @torch.no_grad()
    def generate(self, z: Tensor, chunk: int = CHUNK) -> Tensor:
        """z (N, *code_shape) -> images (N, *data.shape) in the value range, in eval mode, on the CPU."""
        device = next(self.generator.parameters()).device
        with evaluating(self.generator):
            return torch.cat([self.generator(batch.to(device)).cpu() for batch in z.split(chunk)])

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n images (n, *data.shape) in the value range; the same seed gives the same images, bit for bit."""
        return self.generate(self.draw(n, seed))

    def _repr_png_(self) -> bytes | None:
        """A grid of 16 samples for a notebook; None for vectors and for a GAN on the meta device."""
        if not self.data.is_image or any(weight.is_meta for weight in self.parameters()):
            return None
        return png_bytes(grid(to_uint8(self.sample(16), self.data), 8))

    @torch.no_grad()
    def score(self, x: Tensor, chunk: int = CHUNK) -> Tensor:
        """x (N, *data.shape) -> the discriminator's mean logit (N,), in eval mode; higher is more real."""
        device = next(self.discriminator.parameters()).device
        with evaluating(self.discriminator):
            logits = [self.discriminator.discriminate(batch.to(device)).logits.cpu() for batch in x.split(chunk)]
        return torch.cat(logits).mean(1)
