"""The image sizes that DCGAN supports, and the channels at each resolution. Imports no torch."""

from __future__ import annotations

from zoo.plugin import CompositionError, DataSpec
from zoo_dcgan.config import EncoderConfig, GeneratorConfig

__all__ = ["BASE", "SIZES", "channels"]

BASE = 4
"""Side of the coarsest feature map, in pixels."""

SIZES = (8, 16, 32, 64, 128, 256)


def channels(config: EncoderConfig | GeneratorConfig, data: DataSpec, verb: str) -> tuple[int, ...]:
    """The channels at half the image's side, a quarter of it, ... down to 4x4.

    `verb` says in the error what the network does with images. Raises CompositionError unless they are square with a
    side in `SIZES`.

    >>> channels(EncoderConfig(width=32), DataSpec((1, 32, 32)), "reads")
    (32, 64, 128)
    """
    _check_shape(data, verb)
    depth = (data.shape[-1] // BASE).bit_length() - 1
    widest = config.max_width or 8 * config.width
    return tuple(min(config.width * 2**i, widest) for i in range(depth))


def _check_shape(data: DataSpec, verb: str) -> None:
    supported = f"dcgan {verb} {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} px images"
    if not data.is_spatial:
        raise CompositionError(
            f"{supported}; asked: vectors of {data.size} values",
            "Use the component mlp for vectors, or give an image's shape (C, H, W), for example (1, 32, 32).",
        )
    colours, height, width = data.shape
    if height == width and height in SIZES:
        return
    asked = f"{height} px" if height == width else f"{height} x {width} px"
    side = next((size for size in SIZES if size >= max(height, width)), SIZES[-1])
    fits = 'padded (prepare="pad")' if max(height, width) <= side else 'scaled down (prepare="resize")'
    raise CompositionError(
        f"{supported}; asked: {asked}", f"Give shape ({colours}, {side}, {side}): {asked} images are then {fits}."
    )
