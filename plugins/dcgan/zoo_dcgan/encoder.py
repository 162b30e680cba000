"""DCGAN's discriminator without its last layer, as an encoder: strided convolutions down to 4x4."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from zoo.plugin import DataSpec, Encoder, Features
from zoo_dcgan.config import EncoderConfig
from zoo_dcgan.layers import halving, norm_layer, relu_gain
from zoo_dcgan.sizes import BASE, channels

__all__ = ["DCGANEncoder"]


class DCGANEncoder(Encoder):
    """Images (N, C, S, S) -> embedding (N, stage_channels[-1] * 16).

    Stage i is (N, stage_channels[i], S / 2^(i+1), S / 2^(i+1)), so the last one is 4x4.

    Convolutions of stride 2 and LeakyReLU; the first one has no batch norm (Radford et al. 2016, sections 3 and 4). A
    spectral norm is on every convolution (Miyato et al. 2018). Raises CompositionError unless the images are square
    with a side of 8, 16, 32, 64, 128 or 256.
    """

    def __init__(self, config: EncoderConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.stage_channels = channels(config, data, "reads")
        self.embedding_shape = (self.stage_channels[-1] * BASE * BASE,)
        self.stages = nn.ModuleList()
        for i, (n_in, n_out) in enumerate(pairwise((data.shape[0], *self.stage_channels))):
            norm = "none" if i == 0 and config.norm != "spectral" else config.norm
            self.stages.append(
                nn.Sequential(
                    halving(n_in, n_out, norm, relu_gain(config.slope), bias=norm != "batch"),
                    norm_layer(norm, n_out),
                    nn.LeakyReLU(config.slope),
                )
            )

    def features(self, x: Tensor) -> Features:
        """x (N, C, S, S) -> embedding and stages."""
        stages = []
        for stage in self.stages:
            x = stage(x)  # (N, stage_channels[i], S / 2^(i+1), S / 2^(i+1))
            stages.append(x)
        return Features(x.flatten(1), tuple(stages))  # (N, stage_channels[-1] * 4 * 4)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, S, S) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding
