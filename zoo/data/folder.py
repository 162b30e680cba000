"""Reading a folder of unchecked images: any size and mode, some broken, some no images."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from zoo.data import index
from zoo.data.decoding import MOST_FILE_BYTES, TooLarge, decode_picture, opened_picture, shown_size
from zoo.data.images import Skipped
from zoo.errors import ConfigError, DataError
from zoo.types import DataSpec

__all__ = [
    "ImageListing",
    "any_colour",
    "common_shape",
    "find_images",
    "printable",
    "read_image",
    "read_images",
    "unread",
]

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
        return decode_picture(picture, spec)


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
                channels, *plane = shown_size(picture)
                sizes.add((plane[0], plane[1]))
                grey = grey and channels == 1
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
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("not a plain file")
        if facts.st_size > MOST_FILE_BYTES:
            raise TooLarge(f"{facts.st_size:,} bytes are too many")
        with opened_picture(file) as picture:
            yield picture


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
