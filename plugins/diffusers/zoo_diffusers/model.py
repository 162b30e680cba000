"""diffusers' own models from a config, whole on the meta device or one half of them, and the shapes that they have."""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import diffusers
import torch
from diffusers.models.embeddings import get_2d_sincos_pos_embed
from diffusers.utils.import_utils import is_transformers_available
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from zoo.plugin import CompositionError, ConfigError, DataSpec, near
from zoo_diffusers.config import ModelConfig

__all__ = [
    "Shapes",
    "build",
    "defaults",
    "encode",
    "half",
    "pinned",
    "positions",
    "require_sides",
    "shapes",
    "twice_differentiable",
]

_HALVES = {"encode": ("encoder", "quant_conv"), "decode": ("post_quant_conv", "quantize", "decoder")}


@dataclass(frozen=True)
class Shapes:
    """What a model makes of images: a sample, moments (twice the channels of a code where codes have a variance), a
    code, and the channels of the encoder's levels, fine to coarse."""

    sample: tuple[int, ...]
    embedding: tuple[int, ...]
    code: tuple[int, ...]
    stage_channels: tuple[int, ...]


def build(config: ModelConfig) -> nn.Module:
    """The model with fresh weights. Raises ConfigError for settings that diffusers refuses."""
    if config.class_name == "AutoencoderRAE" and not is_transformers_available():
        raise ConfigError("diffusers' AutoencoderRAE needs the library transformers", "pip install transformers")
    cls = getattr(diffusers, config.class_name)
    known = defaults(config)
    for key in config.settings:
        if key not in known:
            raise ConfigError(f"diffusers' {config.class_name} has no setting {key[:80]!r}", near(key, list(known)))
    try:
        model: nn.Module = cls(**config.settings)
    except Exception as error:  # many kinds, by the setting that is wrong
        raise _refused(config, error) from error
    return model


def defaults(config: ModelConfig) -> dict[str, Any]:
    """Every setting of the class, with its default."""
    initialise: Callable[..., None] = getattr(diffusers, config.class_name).__init__
    parameters = list(inspect.signature(initialise).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def half(config: ModelConfig, direction: Literal["encode", "decode"]) -> Any:
    """The model without the layers that only the other direction, or only training it, needs."""
    model: Any = build(config)
    model.requires_grad_(True)
    for name in [name for name, _ in model.named_children() if name not in _HALVES[direction]]:
        delattr(model, name)
    if config.only_side is not None and direction == "decode":  # computed from the settings; here a value like others
        model.decoder.register_buffer("decoder_pos_embed", positions(config), persistent=True)
    if config.only_side is not None and direction == "encode" and hasattr(model.encoder.embeddings, "mask_token"):
        model.encoder.embeddings.mask_token = None
    return model


def positions(config: ModelConfig) -> Tensor:
    """The fixed position embedding of a transformer's decoder, (1, 1 + places, width): a sine and a cosine a
    frequency."""
    grid = config.settings["encoder_input_size"] // config.settings["encoder_patch_size"]
    width: int = config.settings["decoder_hidden_size"]
    table: Tensor = get_2d_sincos_pos_embed(width, grid, cls_token=True, extra_tokens=1, output_type="pt")
    return table.unsqueeze(0).float()


def pinned(config: ModelConfig) -> ModelConfig:
    """The same with every setting that diffusers has, so that another version's defaults change nothing."""
    return ModelConfig(config.class_name, {**defaults(config), **config.settings})


def encode(model: Any, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Images (N, C, H, W) in the model's own range -> raw codes, or mean and log-variance one after the other in the
    channels; and the output of each level of the encoder, or the raw codes of one without levels."""
    stages: list[Tensor] = []
    handles = [level.register_forward_hook(lambda _, __, out: stages.append(out)) for level in _levels(model)]
    try:
        with twice_differentiable():
            output = model.encode(x)
    finally:
        for handle in handles:
            handle.remove()
    if hasattr(output, "latent_dist"):
        return torch.cat([output.latent_dist.mean, output.latent_dist.logvar], dim=1), tuple(stages)
    code: Tensor = output.latent if hasattr(output, "latent") else output.latents
    return code, tuple(stages) or (code,)


def shapes(config: ModelConfig, data: DataSpec) -> Shapes:
    """The shapes for images of a size, by a pinned config, computed on the meta device.

    Raises ConfigError if images do not come back in their own shape, and CompositionError for data that the model
    cannot read.
    """
    _require_images(config, data)
    with torch.device("meta"), torch.no_grad():
        model: Any = build(config).eval()
        try:
            embedding, stages = encode(model, torch.empty(1, *data.shape))
            code = embedding.chunk(2, dim=1)[0] if config.has_variance else embedding
            sample = model.decode(code).sample
        except Exception as error:  # many kinds, by the setting that is wrong
            raise _refused(config, error) from error
    places = (data.shape[1] // config.factor, data.shape[2] // config.factor)
    if tuple(sample.shape[1:]) != data.shape or tuple(code.shape[2:]) != places:
        raise ConfigError(
            f"diffusers' {config.class_name} with these settings makes images {list(sample.shape[1:])} of "
            f"{list(data.shape)}, through codes {list(code.shape[1:])}"
        )
    return Shapes(data.shape, tuple(embedding.shape[1:]), tuple(code.shape[1:]), tuple(s.shape[1] for s in stages))


def require_sides(config: ModelConfig, shape: tuple[int, ...]) -> None:
    """Raises CompositionError, with the nearest sizes, if the sides of images (C, H, W) are not multiples of the
    model's factor, or not those of a model of one size."""
    only, factor = config.only_side, config.factor
    if only is not None and shape[1:] != (only, only):
        raise CompositionError(
            f"diffusers' {config.class_name} with these settings reads images of {only} x {only} px; asked: "
            f"{shape[1]} x {shape[2]} px",
            f"Give --shape 3,{only},{only}.",
        )
    if any(side % factor for side in shape[1:]):
        below = [max(side // factor, 1) * factor for side in shape[1:]]
        above = [-(-side // factor) * factor for side in shape[1:]]
        nearest = " or ".join(f"{h} x {w}" for h, w in dict.fromkeys((tuple(below), tuple(above))))
        raise CompositionError(
            f"diffusers' {config.class_name} reads images with sides that are multiples of {factor} px; asked: "
            f"{shape[1]} x {shape[2]} px",
            f"The nearest are {nearest}.",
        )


def twice_differentiable() -> AbstractContextManager[None]:
    """Where gradients are needed, attention by plain operations: fused ones have no second derivative, as R1 needs."""
    if torch.is_grad_enabled():
        context: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
        return context
    return contextlib.nullcontext()


def _require_images(config: ModelConfig, data: DataSpec) -> None:
    if not data.is_image or not data.bounded:
        raise CompositionError(f"diffusers' {config.class_name} reads images in a value range; asked: {data}")
    channels = config.channels
    if channels != {data.shape[0]}:
        raise CompositionError(
            f"diffusers' {config.class_name} with these settings reads and makes images of "
            f"{' and '.join(sorted(map(str, channels)))} channels; asked: {data.shape[0]}"
        )
    require_sides(config, data.shape)


def _levels(model: Any) -> list[nn.Module]:
    """The last layer of each level of the encoder."""
    if hasattr(model.encoder, "down_blocks"):
        return list(model.encoder.down_blocks)
    if not hasattr(model.config, "num_encoder_blocks"):
        return []
    # AutoencoderTiny has all layers in one row: a convolution and some blocks for each level
    ends = itertools.accumulate(1 + blocks for blocks in model.config.num_encoder_blocks)
    return [model.encoder.layers[end - 1] for end in ends]


def _refused(config: ModelConfig, error: Exception) -> ConfigError:
    reason = (str(error).strip().splitlines() or [""])[0][:300]
    return ConfigError(f"diffusers' {config.class_name} fails with these settings: {type(error).__name__}: {reason}")
