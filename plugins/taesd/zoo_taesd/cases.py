"""Small networks for the conformance checks. Imports no torch, except to write files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zoo.plugin import Case, DataSpec, to_plain
from zoo_taesd.config import TaesdConfig

__all__ = ["SMALL", "autoencoders", "decoders", "encoders", "write"]

SMALL = (TaesdConfig(channels=3, width=8), TaesdConfig(channels=5, pooled=True, width=8))
_DATA = (DataSpec((3, 16, 24), low=0.0, high=1.0), DataSpec((3, 8, 8)))


def autoencoders() -> Iterable[Case]:
    """A folder with both files."""
    yield Case(files="zoo_taesd.cases:write")


def encoders() -> Iterable[Case]:
    """With pooling and without, in both value ranges."""
    for config, data in zip(SMALL, _DATA, strict=True):
        yield Case(to_plain(config), data)


def decoders() -> Iterable[Case]:
    """With pooling and without, in both value ranges."""
    for config, data in zip(SMALL, _DATA, strict=True):
        yield Case(to_plain(config), data, code_shape=(config.channels, data.shape[1] // 8, data.shape[2] // 8))


def write(folder: Path, config: TaesdConfig = SMALL[1]) -> None:
    """Random weights in float16, as the family's repositories have them."""
    from safetensors.torch import save_file

    from zoo_taesd.networks import decoder_layers, encoder_layers

    for role, layers in (("encoder", encoder_layers(config)), ("decoder", decoder_layers(config))):
        save_file({name: value.half() for name, value in layers.state_dict().items()}, folder / f"{role}.safetensors")
