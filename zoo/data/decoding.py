"""Decoding one unchecked picture: the formats that are read, how much memory that may take, and its pixels as bytes."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from zoo.data.prepare import fit_picture
from zoo.types import DataSpec

__all__ = [
    "MOST_FILE_BYTES",
    "TooLarge",
    "decode_image",
    "decode_picture",
    "opened_picture",
    "shown_size",
    "size_of_image",
    "turn",
]

MOST_FILE_BYTES = 2**28
"""The most bytes of a file that is decoded."""

# Only formats that Pillow decodes itself: EPS, for one, would start a PostScript interpreter.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 10**8
_MOST_DECODED = 2**30
_LARGE = 2**25
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of a pixel in memory by mode; of every other mode 4."""
_DECODER_BYTES = {"AVIF": 8, "GIF": 8, "JPEG2000": 16, "TIFF": 4, "WEBP": 16}
"""Bytes of a pixel that a format's decoder takes besides the picture itself."""
_COLOUR_BYTES = 5
"""Bytes of a pixel as RGB and as grey."""
_COEFFICIENT_BYTES = 8
"""Bytes of a pixel that a progressive JPEG takes until its last scan is read, however small it is decoded."""
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")
_ORIENTATION = 0x0112
_STRIP = 2**20

_one_large_at_a_time = threading.RLock()


class TooLarge(ValueError):
    """A picture that would take too much memory, or too long, to decode."""


def decode_image(data: bytes, spec: DataSpec) -> np.ndarray[Any, Any]:
    """An image file's bytes as uint8 `spec.shape`. Raises TooLarge, and whatever a file makes Pillow raise."""
    if len(data) > MOST_FILE_BYTES:
        raise TooLarge(f"{len(data):,} bytes are too many")
    with opened_picture(io.BytesIO(data)) as picture:
        return decode_picture(picture, spec)


def size_of_image(data: bytes) -> tuple[int, int, int]:
    """`(C, H, W)` of an image file's bytes, as it is shown; C is 1 if it is grey. Raises like `decode_image`."""
    with opened_picture(io.BytesIO(data)) as picture:
        return shown_size(picture)


@contextmanager
def opened_picture(file: BinaryIO) -> Iterator[Image.Image]:
    """The picture, header read. Raises like `decode_image`."""
    Image.init()
    # no catch_warnings here: it is not safe if several threads read
    with Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise TooLarge("too many pixels")
        yield picture


def shown_size(picture: Image.Image) -> tuple[int, int, int]:
    """`(C, H, W)` of an opened picture, its orientation applied; C is 1 if it is grey. Raises like `decode_image`."""
    width, height = picture.size
    grey = picture.mode in _GREY_MODES
    picture.draft(None, (1, 1))
    with _decoding(picture, width * height):  # a PNG may say it after its pixels, which are then decoded
        turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (1 if grey else 3, width, height) if turned else (1 if grey else 3, height, width)


def decode_picture(picture: Image.Image, spec: DataSpec) -> np.ndarray[Any, Any]:
    """An opened picture as uint8 `spec.shape`: upright, alpha laid on the spec's background. A JPEG far larger than
    needed is decoded at a half, a quarter or an eighth of its size. Raises like `decode_image`."""
    pixels = picture.width * picture.height
    if spec.is_image:
        picture.draft(None, (3 * spec.shape[2], 3 * spec.shape[1]))
    with _decoding(picture, pixels):
        ImageOps.exif_transpose(picture, in_place=True)
        return fit_picture(_plain(picture, spec), spec)


def turn(needed: int) -> AbstractContextManager[object]:
    """Hold while so many bytes of memory are used for a picture: a large one waits until no other reader has one."""
    return _one_large_at_a_time if needed > _LARGE else nullcontext()


def _decoding(picture: Image.Image, pixels: int) -> AbstractContextManager[object]:
    """Hold while a picture, whose file has so many pixels, is decoded. Raises TooLarge."""
    needed = _memory(picture, pixels)
    if needed > _MOST_DECODED:
        raise TooLarge(f"decoding it takes {needed >> 20:,} MiB of memory; at most {_MOST_DECODED >> 20:,} are used")
    return turn(needed)


def _memory(picture: Image.Image, pixels: int) -> int:
    """The most bytes that decoding takes at once: the decoder's own, the picture, its turned copy, and its colours."""
    each = _DECODER_BYTES.get(picture.format or "", 0) + 2 * _PIXEL_BYTES.get(picture.mode, 4) + _COLOUR_BYTES
    scans = _COEFFICIENT_BYTES * pixels if picture.info.get("progressive") else 0
    return picture.width * picture.height * each + scans


def _plain(picture: Image.Image, spec: DataSpec) -> Image.Image:
    """The picture as mode L or RGB. What takes several copies is done a strip at a time."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        out = Image.new("RGB", picture.size)
        for top, strip in _strips(picture):
            above = strip.convert("RGBA")
            canvas = Image.new("RGBA", above.size, (spec.background,) * 3 + (255,))
            out.paste(Image.alpha_composite(canvas, above).convert("RGB"), (0, top))
        return out
    mode = "L" if picture.mode in ("1", "L") else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, or floats in [0, 1] or [0, 255], as mode L."""
    largest, floats = -math.inf, picture.mode == "F"
    for _, strip in _strips(picture) if floats else ():
        values = np.asarray(strip)
        if not np.isfinite(values).all():
            raise ValueError("it holds values that are no numbers")
        largest = max(largest, float(values.max()))
    most = 65535 if not floats else 1 if largest <= 1 else 255
    out = Image.new("L", picture.size)
    for top, strip in _strips(picture):
        wide = np.asarray(strip).astype(np.float64)
        out.paste(Image.fromarray(np.rint((wide / most * 255).clip(0, 255)).astype(np.uint8)), (0, top))
    return out


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Rows of the picture, with the number of the first one."""
    height = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, height):
        yield top, picture.crop((0, top, picture.width, min(top + height, picture.height)))
