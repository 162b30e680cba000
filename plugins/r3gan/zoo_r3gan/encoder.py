"""R3GAN's discriminator without its last layer, as an encoder: residual blocks at every resolution down to the base,
4x4 for most sizes."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from zoo.plugin import DataSpec, Encoder, Features
from zoo_r3gan.config import ResidualConfig, base, channels
from zoo_r3gan.layers import Resample, blocks, conv

__all__ = ["R3GANEncoder"]


class R3GANEncoder(Encoder):
    """Samples (N, C, H, W) -> embedding (N, stage_channels[-1]).

    Stage i is (N, stage_channels[i], H / 2^i, W / 2^i), the output of the blocks of that resolution; the last one is
    the base, 4x4 for sides that are a power of two. A depthwise convolution of its size gives the embedding (Huang et
    al. 2024). Raises CompositionError for sides that cannot be halved down to 4 to 15.
    """

    def __init__(self, config: ResidualConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.stage_channels = channels(config, data)
        width = self.stage_channels[-1]
        self.embedding_shape = (width,)
        depth = config.blocks * len(self.stage_channels)
        self.enter = conv(data.shape[0], self.stage_channels[0], 1, 1.0, bias=True)
        self.stages = nn.ModuleList(blocks(width, config, depth) for width in self.stage_channels)
        self.down = nn.ModuleList(Resample(a, b, 0.5) for a, b in pairwise(self.stage_channels))
        _, sides = base(data)
        self.basis = nn.Conv2d(width, width, sides, groups=width, bias=False)
        nn.init.normal_(self.basis.weight, 0.0, math.prod(sides) ** -0.5)  # each output value sums over them

    def features(self, x: Tensor) -> Features:
        """x (N, C, S, S) -> embedding and stages."""
        x = self.enter(x)
        stages = []
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else self.down[i - 1](x))  # (N, stage_channels[i], H / 2^i, W / 2^i)
            stages.append(x)
        return Features(self.basis(x).flatten(1), tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, S, S) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding
