"""A folder with encoder.safetensors and decoder.safetensors -> the parts of an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.plugin import AutoencoderParts, ConfigError, DataSpec, PartSpec, to_plain
from zoo_taesd.config import ReaderConfig, TaesdConfig, code_shape_of
from zoo_taesd.networks import decoder_layers, encoder_layers

__all__ = ["read"]

_SHAPE = (3, 256, 256)
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_DIFFUSERS = "Files in diffusers' layout are for the component diffusers."


def read(config: ReaderConfig, folder: Path, shape: tuple[int, ...] | None) -> AutoencoderParts:
    """The parts of the autoencoder in `folder`, for images of `shape` (3, H, W) in [0, 1], by default of 256 px.

    Which of the family it is follows from the tensors. Weights become float32. Raises ConfigError for missing and
    pickled files, tensors that are not those of the family, and values that are not finite in float32, CompositionError
    for sides that are not multiples of 8.
    """
    encoder, decoder = _load(folder, "encoder"), _load(folder, "decoder")
    settings = TaesdConfig(
        channels=_rows(encoder, "encoder", "14.bias"),
        pooled="11.pool.0.weight" in encoder,
        width=_rows(encoder, "encoder", "0.bias"),
    )
    with torch.device("meta"):
        _require_fitting(encoder, encoder_layers(settings), "encoder", settings)
        _require_fitting(decoder, decoder_layers(settings), "decoder", settings)
    data = DataSpec(shape or _SHAPE, low=0.0, high=1.0)
    plain = to_plain(settings)
    return AutoencoderParts(
        specs={
            "encoder": PartSpec("taesd/taesd", plain),
            "bottleneck": PartSpec("core/identity"),
            "decoder": PartSpec("taesd/taesd", plain),
        },
        weights={"encoder": _named(encoder), "bottleneck": {}, "decoder": _named(decoder)},
        data=data,
        code_shape=code_shape_of(settings, data),
    )


def _named(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"layers.{name}": value.to(torch.float32) for name, value in weights.items()}


def _load(folder: Path, role: str) -> dict[str, Tensor]:
    path = folder / f"{role}.safetensors"
    if not path.is_file() and len(named := sorted(folder.glob(f"*_{role}.safetensors"))) == 1:
        path = named[0]  # such as taesd_encoder.safetensors, as on the Hub
    if not path.is_file():
        pickled = next((one.name for one in sorted(folder.iterdir()) if one.suffix in _PICKLED), None)
        why = f"; {pickled} is not read: pickled weights can run code" if pickled else ""
        raise ConfigError(
            f"the folder has no {path.name}{why}",
            f"Name the files encoder.safetensors and decoder.safetensors. {_DIFFUSERS}",
        )
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}", "Get the file again.") from error
    return weights


def _rows(weights: Mapping[str, Tensor], role: str, name: str) -> int:
    if name not in weights or weights[name].dim() != 1:
        raise ConfigError(
            f"{role}.safetensors is not of TAESD's family: it has no {name}",
            f"Give the files of TAESD, TAESDXL, TAESD3, TAEF1 or TAEF2. {_DIFFUSERS}",
        )
    return len(weights[name])


def _require_fitting(weights: Mapping[str, Tensor], layers: nn.Module, role: str, config: TaesdConfig) -> None:
    expected = layers.state_dict()
    blocks = "with pooled blocks" if config.pooled else "without pooled blocks"
    owner = f"{role}.safetensors does not fit a code of {config.channels} channels {blocks}"
    hint = "Both files must be of one network: get them again, from one place."
    for names, what in ((expected.keys() - weights.keys(), "missing"), (weights.keys() - expected.keys(), "too much")):
        if names:
            raise ConfigError(f"{owner}: {min(names)[:200]!r} is {what}, one of {len(names)}", hint)
    for name, tensor in expected.items():
        actual = weights[name]
        if actual.shape != tensor.shape or not actual.is_floating_point():
            raise ConfigError(
                f"{owner}: {name} is {actual.dtype} of shape {list(actual.shape)}, not floats of {list(tensor.shape)}",
                hint,
            )
        if not torch.isfinite(actual.to(torch.float32)).all():
            raise ConfigError(
                f"{role}.safetensors: {name} has values that are not finite in float32", "Get the file again."
            )
