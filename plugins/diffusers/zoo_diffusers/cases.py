"""Small models for the conformance checks. Imports neither torch nor diffusers, except to write files."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zoo.plugin import Case, DataSpec, to_plain
from zoo_diffusers.config import ModelConfig

__all__ = ["SMALL", "autoencoders", "bottlenecks", "decoders", "encoders", "write"]

_UNET: dict[str, Any] = {
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    "block_out_channels": [4, 8],
    "norm_num_groups": 2,
    "sample_size": 16,
}
SMALL = {
    "AutoencoderKL": ModelConfig("AutoencoderKL", {**_UNET, "latent_channels": 3, "shift_factor": 0.1}),
    "AutoencoderTiny": ModelConfig(
        "AutoencoderTiny",
        {
            "encoder_block_out_channels": [6, 6],
            "decoder_block_out_channels": [6, 6],
            "num_encoder_blocks": [1, 2],
            "num_decoder_blocks": [2, 1],
            "latent_channels": 3,
        },
    ),
    "AutoencoderDC": ModelConfig(
        "AutoencoderDC",
        {
            "latent_channels": 4,
            "attention_head_dim": 4,
            "encoder_block_types": ["ResBlock", "EfficientViTBlock"],
            "decoder_block_types": ["ResBlock", "EfficientViTBlock"],
            "encoder_block_out_channels": [8, 16],
            "decoder_block_out_channels": [8, 16],
            "encoder_layers_per_block": [1, 1],
            "decoder_layers_per_block": [1, 1],
            "encoder_qkv_multiscales": [[], [5]],
            "decoder_qkv_multiscales": [[], [5]],
            "scaling_factor": 0.41,
        },
    ),
    "VQModel": ModelConfig("VQModel", {**_UNET, "latent_channels": 3, "num_vq_embeddings": 32}),
    "AutoencoderRAE": ModelConfig(
        "AutoencoderRAE",
        {
            "encoder_hidden_size": 64,
            "encoder_patch_size": 4,
            "encoder_num_hidden_layers": 1,
            "encoder_input_size": 16,
            "patch_size": 2,
            "decoder_hidden_size": 16,
            "decoder_num_hidden_layers": 1,
            "decoder_num_attention_heads": 2,
            "decoder_intermediate_size": 16,
        },
    ),
}
"""A tiny config of each class, with a factor of 2."""
_DATA, _CODE = DataSpec((3, 8, 12)), (4, 6)
_SQUARE, _SQUARE_CODE = DataSpec((3, 8, 8)), (4, 4)


def autoencoders() -> Iterable[Case]:
    """A folder with a tiny AutoencoderKL."""
    yield Case(files="zoo_diffusers.cases:write")


def encoders() -> Iterable[Case]:
    """One of each class."""
    for config in _installed():
        yield Case(to_plain(config), _DATA if config.only_side is None else _SQUARE)


def decoders() -> Iterable[Case]:
    """One of each class."""
    for config in _installed():
        if config.only_side is None:
            yield Case(to_plain(config), _DATA, code_shape=(config.settings["latent_channels"], *_CODE))
        else:
            yield Case(to_plain(config), _SQUARE, code_shape=(config.settings["encoder_hidden_size"], *_SQUARE_CODE))


def bottlenecks() -> Iterable[Case]:
    """One with a variance and one without."""
    yield Case(to_plain(SMALL["AutoencoderKL"]), embedding_shape=(6, 4, 6), code_shape=(3, 4, 6))
    yield Case(to_plain(SMALL["AutoencoderDC"]), embedding_shape=(4, 4, 6), code_shape=(4, 4, 6))


def _installed() -> Iterable[ModelConfig]:
    """The small models, without the one that needs the library transformers if that is not installed."""
    return [config for name, config in SMALL.items() if name != "AutoencoderRAE" or find_spec("transformers")]


def write(folder: Path, class_name: str = "AutoencoderKL") -> None:
    """A tiny model with random weights, as its library saves it."""
    from zoo_diffusers.model import build

    build(SMALL[class_name]).save_pretrained(folder)  # type: ignore[operator]
