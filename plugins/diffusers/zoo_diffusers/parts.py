"""Encoder, bottleneck and decoder of diffusers' autoencoders."""

from __future__ import annotations

from torch import Tensor

from zoo.plugin import Bottleneck, CompositionError, DataSpec, Encoder, Features, Generator, Posterior
from zoo_diffusers.config import ModelConfig
from zoo_diffusers.model import encode, half, pinned, shapes, twice_differentiable
from zoo_diffusers.scaling import scaling_of

__all__ = ["DiffusersBottleneck", "DiffusersDecoder", "DiffusersEncoder"]


class DiffusersEncoder(Encoder):
    """Images (N, C, H, W) in [data.low, data.high] -> embedding: raw codes (N, c, h, w) or, with a variance, their mean
    and log-variance (N, 2 c, h, w).

    Stage i is the output of the encoder's level i. Raises ConfigError for wrong settings, and CompositionError for
    images of other channels or with sides that are not multiples of the model's factor.
    """

    def __init__(self, config: ModelConfig, data: DataSpec) -> None:
        super().__init__()
        config = pinned(config)
        actual = shapes(config, data)
        self.data = data
        self.embedding_shape = actual.embedding
        self.stage_channels = actual.stage_channels
        self.model = half(config, "encode")
        self.factor = (1.0 - config.low) / (data.high - data.low)
        self.low = config.low

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        x = x * self.factor + (self.low - self.factor * self.data.low)  # into the model's own range
        return Features(*encode(self.model, x))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding


class DiffusersBottleneck(Bottleneck):
    """Raw codes, or their mean and log-variance, -> codes (N, c, h, w), scaled as diffusion pipelines scale them."""

    def __init__(self, config: ModelConfig, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.has_variance = config.has_variance
        channels, *places = code_shape
        if embedding_shape != (channels * (2 if self.has_variance else 1), *places) or len(places) != 2:
            raise CompositionError(
                f"the bottleneck of diffusers' {config.class_name} cannot make codes {list(code_shape)} of an "
                f"embedding {list(embedding_shape)}",
                "Give encoder, bottleneck and decoder the same settings.",
            )
        self.code_shape = code_shape
        self.scaling = scaling_of(pinned(config))

    def forward(self, embedding: Tensor) -> Posterior:
        """Embedding (N, *embedding_shape) -> posterior (N, *code_shape)."""
        if not self.has_variance:
            return Posterior(self.scaling.scale(embedding), None)
        mean, logvar = embedding.chunk(2, dim=1)
        return Posterior(self.scaling.scale(mean), self.scaling.scale_logvar(logvar.clamp(-30.0, 20.0)))


class DiffusersDecoder(Generator):
    """Codes (N, c, h, w) -> images (N, C, H, W), clamped to [data.low, data.high].

    The codebook of a VQModel, which quantises the codes, is never trained. Raises like the encoder, and
    CompositionError for codes of another shape.
    """

    first = None

    def __init__(self, config: ModelConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        config = pinned(config)
        actual = shapes(config, data)
        if code_shape != actual.code:
            raise CompositionError(
                f"diffusers' {config.class_name} makes images {list(data.shape)} from codes {list(actual.code)}; "
                f"asked: codes {list(code_shape)}",
                f"Give code_shape={actual.code}.",
            )
        self.data, self.code_shape = data, code_shape
        self.scaling = scaling_of(config)
        self.model = half(config, "decode")
        self.factor = (data.high - data.low) / (1.0 - config.low)
        self.low = config.low
        self.always_frozen = ("model.quantize",) if hasattr(self.model, "quantize") else ()
        for name in self.always_frozen:
            self.get_submodule(name).requires_grad_(False)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, *data.shape)."""
        with twice_differentiable():
            x = self.model.decode(self.scaling.unscale(z)).sample
        x = x * self.factor + (self.data.low - self.factor * self.low)
        return x.clamp(self.data.low, self.data.high)
