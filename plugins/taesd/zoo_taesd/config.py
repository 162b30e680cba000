"""Settings of the family. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import CompositionError, ConfigError, DataSpec, PartSpec

__all__ = ["FACTOR", "ReaderConfig", "TaesdConfig", "code_shape_of"]

FACTOR = 8
"""How many times smaller than an image's side a code's side is."""

_WIDEST = 1024


@dataclass(frozen=True)
class ReaderConfig:
    """The reader has no settings: the files say everything."""


@dataclass(frozen=True)
class TaesdConfig:
    """`channels` of the code: 4 in TAESD and TAESDXL, 16 in TAESD3 and TAEF1, 32 in TAEF2. `pooled` adds normalised
    features in the blocks next to the code, as in TAEF2. Layers have `width` channels, 64 in the whole family. Raises
    ConfigError for values out of range."""

    channels: int = 4
    pooled: bool = False
    width: int = 64

    def __post_init__(self) -> None:
        for key in ("channels", "width"):
            value = getattr(self, key)
            if type(value) is not int or not 1 <= value <= _WIDEST:
                raise ConfigError(
                    f"taesd: {key} {value!r} is not a whole number within 1 to {_WIDEST:,}",
                    "The family has 4, 16 or 32 channels and a width of 64.",
                )

    def bottleneck(self) -> PartSpec:
        """What an autoencoder of this encoder uses: its embedding is the code."""
        return PartSpec("core/identity")

    def code_shape(self, data: DataSpec) -> tuple[int, ...]:
        """The shape of the codes that the decoder reads."""
        return code_shape_of(self, data)


def code_shape_of(config: TaesdConfig, data: DataSpec) -> tuple[int, int, int]:
    """The codes' shape for such images. Raises CompositionError unless they are in colour, with sides that are
    multiples of 8 and bounded values."""
    if not data.is_image or not data.bounded or data.shape[0] != 3 or data.shape[1] % FACTOR or data.shape[2] % FACTOR:
        raise CompositionError(
            f"taesd takes images (3, H, W) with sides that are multiples of {FACTOR}; asked: {data}",
            "Give such a shape: other images are scaled to it.",
        )
    return (config.channels, data.shape[1] // FACTOR, data.shape[2] // FACTOR)
