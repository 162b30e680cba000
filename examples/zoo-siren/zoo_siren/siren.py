"""A generator of pixels from their coordinates: Sitzmann et al. 2020, "Implicit neural representations with periodic
activation functions", with layers that a code modulates (Chan et al. 2021, "pi-GAN")."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Generator, output
from zoo_siren.config import SirenConfig

__all__ = ["SirenGenerator"]


class SirenGenerator(Generator):
    """Codes (N, *code_shape) -> images (N, C, H, W) in the value range, of any size."""

    first: nn.Linear

    def __init__(self, config: SirenConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        if not data.is_spatial:
            raise CompositionError(f"siren makes images, not {data}", "For example of shape (3, 48, 64).")
        self.data = data
        self.code_shape = code_shape
        self.frequency = config.frequency
        self.first = nn.Linear(math.prod(code_shape), config.width)
        self.modulation = nn.Linear(config.width, 2 * config.layers * config.width)
        widths = [2] + [config.width] * config.layers
        self.layers = nn.ModuleList(map(nn.Linear, widths, widths[1:]))
        self.last = nn.Linear(config.width, data.shape[0])
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, C, H, W)."""
        styles = self.modulation(nn.functional.leaky_relu(self.first(z.flatten(1)), 0.2))
        styles = styles.unflatten(1, (len(self.layers), 2, 1, -1))  # (N, layers, scale and shift, 1, width)
        x = self._coordinates()  # (H W, 2)
        for i, layer in enumerate(self.layers):
            x = torch.sin((1 + styles[:, i, 0]) * layer(x) + styles[:, i, 1])  # (N, H W, width)
        return self.output(self.last(x)).transpose(1, 2).unflatten(2, self.data.shape[1:])

    def _coordinates(self) -> Tensor:
        """The pixels' centres (H W, 2), within -1 to 1, times the frequency."""
        like = self.first.weight
        y, x = (
            (2 * torch.arange(side, dtype=like.dtype, device=like.device) + 1) / side - 1
            for side in self.data.shape[1:]
        )
        return self.frequency * torch.cartesian_prod(y, x)
