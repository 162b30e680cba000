"""Photographs and masks from files, as a model's images."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo._utils.files import read_regular
from zoo.data.decoding import MOST_FILE_BYTES, size_of_image
from zoo.data.folder import read_image, unread
from zoo.data.pixels import from_uint8
from zoo.errors import ConfigError, DataError
from zoo.types import DataSpec

__all__ = ["photographs_in", "read_mask", "read_photographs"]

_MOST = 10_000
_SUFFIXES = frozenset(Image.registered_extensions())
_HIDDEN_FROM = 26
"""A pixel of the mask from this byte on is hidden: a tenth of white, so that no pixel at the edge of a hole mixes what
is to be seen with what is not."""


def photographs_in(paths: Sequence[str | Path]) -> list[Path]:
    """The image files that paths, folders and patterns such as `photos/*.jpg` name, in alphabetical order within each.
    A folder gives the images directly in it. Raises DataError for a folder or pattern without any, and for over 10,000
    of them."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES and one.is_file())
        elif not path.exists() and glob.has_magic(str(path)):
            inside = sorted(Path(one) for one in glob.glob(str(path), recursive=True) if os.path.isfile(one))
        else:
            inside = [path]
        if not inside:
            raise DataError(
                f"{path} has no images", "Give image files, a folder of them, or a pattern: 'photos/*.jpg'."
            )
        files += inside
    if len(files) > _MOST:
        raise DataError(f"{len(files):,} images are too many at once", f"Give at most {_MOST:,}.")
    return files


def read_photographs(paths: Sequence[str | Path], spec: DataSpec) -> Tensor:
    """Image files as images (N, *spec.shape) in the value range, upright, cut or padded as `spec` says.

    Raises DataError, with the file's name, for one that is missing or cannot be read.
    """
    pixels = np.stack([_read(Path(path), spec) for path in paths])
    return from_uint8(torch.from_numpy(pixels), spec)


def read_mask(path: str | Path, photograph: str | Path, spec: DataSpec) -> Tensor:
    """What is to be filled, as bools (1, H, W): the white pixels of a mask that is as large as its photograph, cut as
    that is. Raises DataError for a mask of another size, or one that hides everything or nothing."""
    sizes = [_size(Path(file)) for file in (path, photograph)]
    if sizes[0] != sizes[1]:
        (height, width), (tall, wide) = sizes
        raise DataError(
            f"the mask {path} has {width} x {height} pixels, its photograph {wide} x {tall}",
            "Paint white over a copy of the photograph what is to be filled, and black over the rest.",
        )
    plain = replace(spec, shape=(1, *spec.shape[1:]), background=0)
    hidden = torch.from_numpy(_read(Path(path), plain) >= _HIDDEN_FROM)
    if not hidden.any():
        raise DataError(f"the mask {path} hides nothing", "White pixels are filled; does it have any in the picture?")
    if hidden.all():
        raise DataError(f"the mask {path} hides the whole picture", "Leave what is to be kept black.")
    return hidden


def _read(path: Path, spec: DataSpec) -> np.ndarray[Any, Any]:
    try:
        return read_image(_followed(path), spec)
    except ConfigError:
        raise
    except Exception as error:  # whatever a stranger's file makes Pillow raise
        raise DataError(f"{path} cannot be read: {unread('', error).reason}", "Give PNG or JPEG files.") from None


def _followed(path: Path) -> Path:
    """Where a link leads: a file that the user names may be one."""
    return Path(os.path.realpath(path))


def _size(path: Path) -> tuple[int, int]:
    """Height and width as shown."""
    try:
        return size_of_image(read_regular(_followed(path), MOST_FILE_BYTES))[1:]
    except Exception as error:
        raise DataError(f"{path} cannot be read: {unread('', error).reason}", "Give PNG or JPEG files.") from None
