"""Bringing images to the shape that a `DataSpec` asks for: channels, size, padding. Bytes in, bytes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from zoo.errors import ConfigError, DataError
from zoo.types import DataSpec

__all__ = ["fit_arrays", "fit_picture"]

_CHUNK = 2**22
"""Values of images that are brought to a shape at a time."""

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def fit_picture(picture: Image.Image, spec: DataSpec) -> Bytes:
    """One picture of mode L or RGB as uint8 `spec.shape`. Raises ConfigError unless C is 1 or 3."""
    if not spec.is_image or spec.shape[0] not in (1, 3):
        raise ConfigError(
            f"pictures cannot be brought to shape {list(spec.shape)}",
            "Give 1,H,W for grey or 3,H,W for colour, such as --shape 3,32,32; or an .npz file that has that shape.",
        )
    channels, height, width = spec.shape
    mode = "L" if channels == 1 else "RGB"
    fitted = _to_size(picture if picture.mode == mode else picture.convert(mode), (width, height), spec)
    array = np.asarray(fitted, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def fit_arrays(images: Bytes, spec: DataSpec) -> Bytes:
    """uint8 `(N, F)`, `(N, H, W)` or `(N, H, W, C)` -> uint8 `(N, *spec.shape)`.

    Grey becomes RGB by repeating, RGB grey by luma (ITU-R 601), alpha is laid on the spec's background.
    For a spec `(F,)` images are flattened if they have F values. Raises DataError if nothing fits.
    """
    if not spec.is_image:
        flat = images.reshape(len(images), -1)
        if flat.shape[1] != spec.shape[0]:
            raise DataError(
                f"samples have {flat.shape[1]} values, shape {list(spec.shape)} is wanted",
                "Vectors are neither cut nor stretched: use data of that length.",
            )
        return flat
    if images.ndim == 2:
        raise DataError(
            f"samples are vectors of {images.shape[1]} values, images of shape {list(spec.shape)} are wanted",
            "Store images as (N, H, W) or (N, H, W, C).",
        )
    out = np.empty((len(images), *spec.shape), dtype=np.uint8)
    step = max(1, _CHUNK * len(images) // max(images.size, 1))  # what is made on the way stays small
    for start in range(0, len(images), step):
        out[start : start + step] = _fit_few(images[start : start + step], spec)
    return out


def _fit_few(images: Bytes, spec: DataSpec) -> Bytes:
    coloured = _to_channels(images[..., None] if images.ndim == 3 else images, spec)
    if coloured.shape[1:3] == spec.shape[1:]:
        return coloured.transpose(0, 3, 1, 2)
    out = np.empty((len(coloured), *spec.shape), dtype=np.uint8)
    for row, image in enumerate(coloured):
        out[row] = fit_picture(Image.fromarray(image.squeeze(2) if spec.shape[0] == 1 else image), spec)
    return out


def _to_size(picture: Image.Image, size: tuple[int, int], spec: DataSpec) -> Image.Image:
    if picture.size == size:
        return picture
    if spec.prepare == "pad":
        return _pad(picture, size, spec.background)
    # The crop comes first, as a box, so that a strip of 1 x 10,000 never becomes a picture of 64 x 640,000.
    scale = max(size[0] / picture.width, size[1] / picture.height)
    kept_width, kept_height = size[0] / scale, size[1] / scale
    left, top = (picture.width - kept_width) / 2, (picture.height - kept_height) / 2
    box = (max(left, 0), max(top, 0), min(left + kept_width, picture.width), min(top + kept_height, picture.height))
    return picture.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _pad(picture: Image.Image, size: tuple[int, int], background: int) -> Image.Image:
    """Centred on a canvas; scaled down first if it is larger, never up."""
    scale = min(size[0] / picture.width, size[1] / picture.height, 1.0)
    if scale < 1:
        inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    canvas = Image.new(picture.mode, size, background if picture.mode == "L" else (background,) * 3)
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas


def _to_channels(images: Bytes, spec: DataSpec) -> Bytes:
    wanted, given = spec.shape[0], images.shape[3]
    if given == 4 and wanted in (1, 3):
        alpha = images[..., 3:].astype(np.uint16)
        laid = images[..., :3] * alpha + np.uint16(spec.background) * (255 - alpha)
        images, given = ((laid + 127) // 255).astype(np.uint8), 3
    if given == wanted:
        return images
    if (given, wanted) == (1, 3):
        return np.repeat(images, 3, axis=3)
    if (given, wanted) == (3, 1):
        # the weights that Pillow uses, so that a folder and an array of the same images agree to the bit
        luma = images.astype(np.uint32) @ np.array([19595, 38470, 7471], dtype=np.uint32)
        return ((luma + 0x8000) >> 16).astype(np.uint8)[..., None]
    raise DataError(
        f"images have {given} channels, {wanted} are wanted",
        "Channels come last in arrays; only grey, RGB and RGBA can be turned into each other.",
    )
