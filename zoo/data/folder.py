"""Reading a folder of unchecked images: any size and mode, some broken, some no images."""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from zoo.data import index
from zoo.data.images import Skipped
from zoo.data.prepare import fit_picture
from zoo.errors import ConfigError, DataError
from zoo.types import DataSpec

__all__ = [
    "ImageListing",
    "any_colour",
    "common_shape",
    "decode_image",
    "find_images",
    "printable",
    "read_image",
    "read_images",
    "size_of_image",
    "unread",
]

# Only formats that Pillow decodes itself: EPS, for one, would start a PostScript interpreter.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 10**8
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")
_ORIENTATION = 0x0112
_MOST_SAMPLED = 16
_COMPARED = 256
_COLOURLESS = 24
"""Channels of a grey picture may differ by so much after JPEG."""


@dataclass(frozen=True, slots=True)
class ImageListing:
    """The files of a folder that may be images, as ascending relative paths, their sizes in bytes, and what is
    skipped."""

    root: Path
    files: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    sizes: tuple[int, ...] = ()


def find_images(root: Path) -> ImageListing:
    """Walk the folder, or what of it changed since (`zoo.data.index`). Hidden names are ignored, links are listed and
    not followed.

    A link out of the folder could read anything; one to a file inside would put an image on both sides of the
    split. Raises DataError if the folder itself cannot be listed.
    """
    try:
        top = root.resolve(strict=True)
        os.scandir(top).close()
    except OSError as error:
        raise DataError(f"folder {root} cannot be read: {error.strerror or error}", "Check path and rights.") from error
    known = index.load_index(top)
    listings, skipped = _walked(top, known)
    listing = _list_images(top, listings, skipped)
    if known and not _matches_files(listing):
        listings, skipped = _walked(top, {})
        listing = _list_images(top, listings, skipped)
    if listings != known:
        index.save_index(top, listings)
    return listing


def _walked(top: Path, known: index.Index) -> tuple[dict[str, index.Listing], list[Skipped]]:
    """Every folder below `top`, and those that cannot be listed."""
    listings: dict[str, index.Listing] = {}
    skipped: list[Skipped] = []
    folders = [""]
    while folders:
        here = folders.pop()
        try:
            listing = index.list_folder(top / here, known.get(here))
        except OSError as error:
            skipped.append(_skipped(here, f"cannot be listed: {error.strerror}"))
            continue
        listings[here] = listing
        folders.extend(_below(here, name) for name in listing.folders)
    return listings, skipped


def _list_images(top: Path, listings: index.Index, skipped: Sequence[Skipped]) -> ImageListing:
    files = [(_below(here, name), size) for here, listing in listings.items() for name, size in listing.files]
    files.sort(key=lambda file: os.fsencode(file[0]))
    links = [_below(here, name) for here, listing in listings.items() for name in listing.links]
    refused = [_skipped(link, _link_reason(top / link, top)) for link in links]
    return ImageListing(top, tuple(name for name, _ in files), (*skipped, *refused), tuple(size for _, size in files))


def _matches_files(listing: ImageListing) -> bool:
    """Whether some of the files, evenly spread, have the sizes that were listed."""
    for at in np.linspace(0, len(listing.files) - 1, min(len(listing.files), _COMPARED)).round().astype(int).tolist():
        try:
            if os.lstat(listing.root / listing.files[at]).st_size != listing.sizes[at]:
                return False
        except OSError:
            return False
    return True


def _below(here: str, name: str) -> str:
    return f"{here}/{name}" if here else name


def read_images(
    listing: ImageListing, files: Sequence[str], spec: DataSpec
) -> tuple[np.ndarray[Any, Any], list[str], list[Skipped]]:
    """Those files as uint8 `(N, *spec.shape)`, the N relative paths that could be read, and the others.

    16-bit grey is scaled to 8 bits, alpha laid on the spec's background, EXIF orientation applied, the first
    frame of an animation taken.
    """
    out = np.empty((len(files), *spec.shape), dtype=np.uint8)
    read: list[str] = []
    skipped: list[Skipped] = []
    with warnings.catch_warnings(action="ignore"):
        for name in files:
            try:
                out[len(read)] = read_image(listing.root / name, spec)
            except ConfigError:
                raise
            except Exception as error:  # whatever a stranger's file makes Pillow raise is a fact about that file
                skipped.append(unread(name, error))
            else:
                read.append(name)
    return out[: len(read)], read, skipped


def read_image(path: Path, spec: DataSpec) -> np.ndarray[Any, Any]:
    """One file as uint8 `spec.shape`. Raises whatever a stranger's file makes Pillow raise."""
    with _opened(path) as picture:
        return fit_picture(_plain(picture, spec), spec)


def decode_image(data: bytes, spec: DataSpec) -> np.ndarray[Any, Any]:
    """An image file's bytes as uint8 `spec.shape`. Raises like `read_image`."""
    with _picture(io.BytesIO(data)) as picture:
        return fit_picture(_plain(picture, spec), spec)


def size_of_image(data: bytes) -> tuple[int, int, int]:
    """`(C, H, W)` of an image file's bytes, from its header; C is 1 if it is grey. Raises like `read_image`."""
    with _picture(io.BytesIO(data)) as picture:
        turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        high, wide = (picture.width, picture.height) if turned else (picture.height, picture.width)
        return (1 if picture.mode in _GREY_MODES else 3, high, wide)


def unread(name: str, error: Exception) -> Skipped:
    """A file that could not be read, and why."""
    return _skipped(name, _reason(error))


def common_shape(listing: ImageListing, files: Sequence[str]) -> tuple[int, int, int]:
    """`(C, H, W)` of the images, from their headers; C is 1 if all are grey.

    Raises ConfigError, asking for a shape, if they differ in size, and DataError if none can be read.
    """
    sizes: set[tuple[int, int]] = set()
    grey = True
    for name in files:
        try:
            with warnings.catch_warnings(action="ignore"), _opened(listing.root / name) as picture:
                turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
                sizes.add((picture.width, picture.height) if turned else (picture.height, picture.width))
                grey = grey and picture.mode in _GREY_MODES
        except Exception:  # read_images meets the same file again and lists it with its reason
            continue
        if len(sizes) > 1:
            some = " and ".join(f"{width} x {height}" for height, width in sorted(sizes))
            raise ConfigError(
                f"the images of {listing.root} have different sizes, among them {some}",
                "Say to which shape they are to be brought, for example shape (3, 64, 64).",
            )
    if not sizes:
        raise DataError(f"no file of {listing.root} is an image that can be read", "Give PNG or JPEG files.")
    return (1 if grey else 3, *sizes.pop())


def any_colour(listing: ImageListing, files: Sequence[str]) -> bool:
    """Whether one of a few images, evenly spread, shows a colour; grey pictures that are stored as RGB show none."""
    for at in np.linspace(0, len(files) - 1, min(len(files), _MOST_SAMPLED)).round().astype(int).tolist():
        try:
            pixels = read_image(listing.root / files[at], DataSpec((3, 16, 16)))
        except Exception:  # read_images meets the same file again and lists it with its reason
            continue
        if int(np.ptp(pixels.astype(np.int16), axis=0).max()) > _COLOURLESS:
            return True
    return False


def printable(name: str) -> str:
    """A file name that is safe to show: bytes that are no text and control characters are written out."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture, header read. Neither follows a link nor waits on a pipe, whatever lies there by now."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a plain file")
        with _picture(file) as picture:
            yield picture


@contextmanager
def _picture(file: BinaryIO) -> Iterator[Image.Image]:
    Image.init()
    # no catch_warnings here: it is not safe if several threads read
    with Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise Image.DecompressionBombError(f"{picture.width} x {picture.height} pixels are too many")
        yield picture


def _plain(picture: Image.Image, spec: DataSpec) -> Image.Image:
    """The picture as mode L or RGB, upright."""
    if spec.is_image:
        # a JPEG far larger than needed is decoded at a half, a quarter or an eighth of its size
        picture.draft(None, (3 * spec.shape[2], 3 * spec.shape[1]))
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "F" or upright.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(upright)))
    if upright.has_transparency_data:
        above = upright.convert("RGBA")
        canvas = Image.new("RGBA", above.size, (spec.background,) * 3 + (255,))
        return Image.alpha_composite(canvas, above).convert("RGB")
    return upright.convert("L" if upright.mode in ("1", "L") else "RGB")


def _eight_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Grey of 16 bits, or floats in [0, 1] or [0, 255], as uint8."""
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise ValueError("it holds values that are no numbers")
    most = 65535 if values.dtype.kind != "f" else 1 if wide.max() <= 1 else 255
    out: np.ndarray[Any, Any] = np.rint((wide / most * 255).clip(0, 255)).astype(np.uint8)
    return out


def _link_reason(path: Path, top: Path) -> str:
    target = Path(os.path.realpath(path))
    if not os.path.exists(target):
        return "a link that leads nowhere"
    if target.is_relative_to(top):
        return "a link to something in this folder, which is read there"
    return "a link that leaves the folder"


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    lines = str(error).strip().splitlines()
    return printable(lines[0]) if lines else type(error).__name__


def _skipped(name: str, reason: str) -> Skipped:
    return Skipped(printable(name), reason)
