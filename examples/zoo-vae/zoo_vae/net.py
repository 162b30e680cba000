"""The networks of diffusers' AutoencoderKL (Rombach et al. 2022) and AutoencoderTiny (Bohan 2023, "TAESD")."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor, nn

from zoo.plugin import Bottleneck, CompositionError, DataSpec, Encoder, Features, Generator, Posterior, output
from zoo_vae.config import KLConfig, MomentsConfig, NetworkConfig, TinyConfig

__all__ = ["KLEncoder", "KLGenerator", "Moments", "TinyEncoder", "TinyGenerator"]


class LevelsEncoder(Encoder):
    """Images (N, C, H, W), from 0 to 1 -> a stage for each level; the last one -> the embedding."""

    levels: nn.ModuleList
    last: nn.Module

    def __init__(self, config: NetworkConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.stage_channels = (config.width,) * config.levels
        self.embedding_shape = config.code_shape(data)

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        stages = [(x - self.data.low) / (self.data.high - self.data.low)]
        for level in self.levels:
            stages.append(level(stages[-1]))
        return Features(self.last(stages[-1]), tuple(stages[1:]))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding."""
        return self.features(x).embedding


class KLEncoder(LevelsEncoder):
    """Embedding (N, 2 channels, h, w): mean and log-variance."""

    def __init__(self, config: KLConfig, data: DataSpec) -> None:
        super().__init__(config, data)
        self.embedding_shape = (2 * config.channels, *self.embedding_shape[1:])
        whole = _kl(config, data)
        net = whole.encoder
        fine, *coarser = net.down_blocks
        self.levels = nn.ModuleList([nn.Sequential(net.conv_in, fine), *coarser])
        self.last = nn.Sequential(net.mid_block, net.conv_norm_out, net.conv_act, net.conv_out, whole.quant_conv)


class TinyEncoder(LevelsEncoder):
    """Embedding (N, channels, h, w): the code."""

    def __init__(self, config: TinyConfig, data: DataSpec) -> None:
        super().__init__(config, data)
        *layers, self.last = _tiny(config, data).encoder.layers  # a convolution and a block for each level
        self.levels = nn.ModuleList(map(nn.Sequential, layers[::2], layers[1::2]))


class Moments(Bottleneck):
    """Embedding (N, 2 c, ...) -> mean and log-variance (N, c, ...), the latter within [-30, 20] as in diffusers."""

    def __init__(self, config: MomentsConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        if embedding_shape != (2 * code_shape[0], *code_shape[1:]):
            raise CompositionError(
                f"vae/moments cannot split an embedding {list(embedding_shape)} into two of {list(code_shape)}",
                "Give encoder and generator the same settings.",
            )
        self.code_shape = code_shape

    def forward(self, embedding: Tensor) -> Posterior:
        """Embedding (N, 2 c, ...) -> posterior."""
        mean, logvar = embedding.chunk(2, dim=1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))


class KLGenerator(Generator):
    """Codes (N, channels, h, w) -> images (N, C, H, W) in the value range."""

    first = None

    def __init__(self, config: KLConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data, self.code_shape = data, code_shape
        whole = _kl(config, data)
        self.net = nn.Sequential(whole.post_quant_conv, whole.decoder, output(data))

    def forward(self, z: Tensor) -> Tensor:
        """z (N, channels, h, w) -> x (N, C, H, W)."""
        return self.net(z)


class TinyGenerator(Generator):
    """Codes (N, channels, h, w) -> images (N, C, H, W) in the value range."""

    first = None

    def __init__(self, config: TinyConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data, self.code_shape = data, code_shape
        self.net = nn.Sequential(_tiny(config, data).decoder, output(data))

    def forward(self, z: Tensor) -> Tensor:
        """z (N, channels, h, w) -> x (N, C, H, W)."""
        return self.net(z)


def _kl(config: KLConfig, data: DataSpec) -> Any:
    return AutoencoderKL(
        in_channels=data.shape[0],
        out_channels=data.shape[0],
        down_block_types=("DownEncoderBlock2D",) * config.levels,
        up_block_types=("UpDecoderBlock2D",) * config.levels,
        block_out_channels=(config.width,) * config.levels,
        latent_channels=config.channels,
        norm_num_groups=4,
        mid_block_add_attention=False,  # it has no second derivative, which gradient penalties need
    )


def _tiny(config: TinyConfig, data: DataSpec) -> Any:
    widths, blocks = (config.width,) * config.levels, (1,) * config.levels
    return AutoencoderTiny(
        in_channels=data.shape[0],
        out_channels=data.shape[0],
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
        latent_channels=config.channels,
    )
