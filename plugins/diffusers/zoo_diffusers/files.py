"""The files of a folder that diffusers' save_pretrained wrote: config.json and safetensors, whole or in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zoo.plugin import ConfigError, parse_json

__all__ = ["read_settings", "read_weights"]

_WHOLE = "diffusion_pytorch_model.safetensors"
_INDEX = f"{_WHOLE}.index.json"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LARGEST_TEXT = 2**22


def read_settings(folder: Path) -> dict[str, Any]:
    """config.json as plain data. Raises ConfigError if there is none or it is no JSON object."""
    settings = _read_json(folder / "config.json")
    if not isinstance(settings, dict):
        raise ConfigError("config.json is not a table of settings")
    return settings


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor by name: of diffusion_pytorch_model.safetensors, else of the shards that its index names, else of
    the only safetensors file. Raises ConfigError for pickled weights, missing shards and malformed files."""
    present = sorted(path.name for path in folder.iterdir())
    whole = [name for name in present if name.endswith(".safetensors")]
    if _WHOLE in present:
        return _load(folder / _WHOLE)
    if _INDEX in present:
        return _load_shards(folder)
    if len(whole) == 1:
        return _load(folder / whole[0])
    if whole:
        raise ConfigError(f"{len(whole)} safetensors and no {_INDEX}: {', '.join(whole[:4])}", f"Name one {_WHOLE}.")
    pickled = next((name for name in present if name.endswith(_PICKLED)), None)
    if pickled is not None:
        raise ConfigError(
            f"{pickled} is not read: pickled weights can run code", "Save it with diffusers as safetensors."
        )
    raise ConfigError(f"the folder has no {_WHOLE}", "Give the folder that save_pretrained wrote.")


def _load_shards(folder: Path) -> dict[str, Tensor]:
    index = _read_json(folder / _INDEX)
    where = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(where, dict) or not where or not all(isinstance(name, str) for name in where.values()):
        raise ConfigError(f"{_INDEX} has no weight_map of tensors to files")
    weights: dict[str, Tensor] = {}
    for name in sorted(set(where.values())):
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            raise ConfigError(f"{_INDEX} names {name[:80]!r}, which is not a safetensors file in the folder")
        shard = _load(folder / name)
        if shard.keys() != {key for key, file in where.items() if file == name}:
            raise ConfigError(f"{name} does not have the tensors that {_INDEX} says")
        weights |= shard
    return weights


def _load(path: Path) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error
    return weights


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_TEXT + 1)
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error.strerror}", "Give the folder that save_pretrained wrote."
        ) from error
    return parse_json(text, path.name, largest=_LARGEST_TEXT, error=ConfigError)
