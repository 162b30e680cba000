"""A folder as diffusers' save_pretrained writes it -> the parts of an autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.plugin import AutoencoderParts, ConfigError, DataSpec, PartSpec, near, to_plain
from zoo_diffusers.config import ModelConfig, ReaderConfig
from zoo_diffusers.files import read_settings, read_weights
from zoo_diffusers.model import build, defaults, half, pinned, positions, require_sides, shapes
from zoo_diffusers.scaling import scaling_of

__all__ = ["read"]

_LARGEST_SIDE = 256
_OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""How layers of attention were called before diffusers 0.15, as in the files of SD-VAE."""


def read(config: ReaderConfig, folder: Path, shape: tuple[int, ...] | None) -> AutoencoderParts:
    """The parts of the autoencoder in `folder`, for images of `shape` (3, H, W) in [-1, 1].

    By default images have the config's `sample_size`, at most 256 px. H and W need not be equal. Raises ConfigError for
    a folder without safetensors, another class, a wrong config, weights that do not fit it, and sides that are not
    multiples of its factor.
    """
    settings = read_settings(folder)
    model_config = _model_config(settings)
    scaling_of(model_config)
    data = DataSpec(shape or _own_shape(model_config))
    require_sides(model_config, data.shape)
    actual = shapes(model_config, data)
    weights = _named_as_today(read_weights(folder))
    weights.pop("decoder.decoder_pos_embed", None)
    with torch.device("meta"):
        _require_fitting(weights, build(model_config), model_config)
        halves = {"encoder": half(model_config, "encode"), "decoder": half(model_config, "decode")}
    if model_config.only_side is not None:
        weights["decoder.decoder_pos_embed"] = positions(model_config)
    plain = to_plain(model_config)
    return AutoencoderParts(
        specs={
            "encoder": PartSpec("diffusers/encoder", plain),
            "bottleneck": PartSpec("diffusers/bottleneck", plain),
            "decoder": PartSpec("diffusers/decoder", plain),
        },
        weights={
            **{role: {f"model.{n}": weights[n] for n in model.state_dict()} for role, model in halves.items()},
            "bottleneck": {},
        },
        data=data,
        code_shape=actual.code,
    )


def _model_config(stated: dict[str, Any]) -> ModelConfig:
    """The class and its settings, all written out. Keys that begin with _ are diffusers' own notes; others that are no
    settings must be what the model makes of its settings."""
    class_name = stated.get("_class_name")
    if not isinstance(class_name, str):
        raise ConfigError("config.json names no class of diffusers", "Give the folder of an autoencoder, such as vae.")
    known = defaults(ModelConfig(class_name))
    given = {key: value for key, value in stated.items() if not key.startswith("_")}
    for key, value in given.items():
        if value is None and known.get(key) is not None:
            raise ConfigError(f"diffusers' {class_name}: {key!r} is null", f"Its default is {known[key]!r}.")
    config = pinned(ModelConfig(class_name, {key: value for key, value in given.items() if key in known}))
    with torch.device("meta"):
        derived = getattr(build(config), "config")  # noqa: B009 - nn.Module's attributes are modules and tensors to mypy
    for key in given.keys() - known.keys():
        if key not in derived or to_plain(derived[key]) != given[key]:
            raise ConfigError(f"diffusers' {class_name} has no setting {key[:80]!r}", near(key, list(known)))
    return config


def _own_shape(config: ModelConfig) -> tuple[int, int, int]:
    """The images' shape by the config: multiples of its factor, at most 256 px."""
    size = config.only_side or config.settings.get("sample_size", _LARGEST_SIDE)
    sides = size if isinstance(size, tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ConfigError(f"diffusers' {config.class_name}: sample_size {size!r} is neither a side nor two")
    largest = max(config.only_side or 0, _LARGEST_SIDE)
    height, width = (max(min(s, largest) // config.factor, 1) * config.factor for s in sides)
    return (min(config.channels), height, width)


def _named_as_today(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, value in weights.items():
        for old, new in _OLD_NAMES.items():
            if ".attentions." in name:
                name = name.replace(old, new)
        renamed[name] = value
    return renamed


def _require_fitting(weights: dict[str, Tensor], model: nn.Module, config: ModelConfig) -> None:
    expected = model.state_dict()
    owner = f"the weights do not fit diffusers' {config.class_name} with these settings"
    for names, what in ((expected.keys() - weights.keys(), "missing"), (weights.keys() - expected.keys(), "too much")):
        if names:
            raise ConfigError(f"{owner}: {min(names)[:200]} is {what}, one of {len(names)}")
    for name, tensor in expected.items():
        actual = weights[name]
        if actual.shape != tensor.shape or actual.is_floating_point() != tensor.is_floating_point():
            raise ConfigError(
                f"{owner}: {name} is {actual.dtype} of shape {list(actual.shape)}, not {tensor.dtype} of "
                f"{list(tensor.shape)}"
            )
