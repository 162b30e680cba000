"""Reading images from an `.npz` file, without pickle and without trust."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.archive import ArrayHeader, read_arrays, read_headers
from zoo.data.folder import printable
from zoo.errors import DataError

__all__ = ["Arrays", "check_images", "check_rows", "read_npz"]

_MOST_VALUES = 2**26
_MOST_CLASSES = 10_000
_CHUNK = 2**22
_BESIDE = ("labels", "train", "classes")
_LAYOUT = (
    "Store `images` as uint8 or as floats in [0, 1], (N, H, W) or (N, H, W, C), or vectors (N, F) of any floats; "
    "optional `labels` (N,) of whole numbers with the names `classes`, and `train` (N,) of true and false."
)


@dataclass(frozen=True, eq=False, slots=True)
class Arrays:
    """Images uint8, `(N, H, W)`, `(N, H, W, C)` or `(N, F)`, or vectors float32 `(N, F)`; labels int64 `(N,)`; train
    bool `(N,)`. `rounded`: the images were floats. `classes[label]` is the name of a label, if names are given."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None
    train: np.ndarray[Any, Any] | None
    rounded: bool
    classes: tuple[str, ...] = ()


def read_npz(path: Path) -> Arrays:
    """The arrays `images` (or the only other one), `labels` and `train` of the file.

    Raises DataError for a file that is no npz, holds pickled objects, would take more than 1.5 GiB of memory with the
    copies that are made, has more than 2,097,152 rows or images of more than 2^26 values, or whose arrays do not go
    together.
    """
    arrays, key = _load(path)
    images = check_images(arrays[key], str(path))
    labels = check_rows("labels", arrays["labels"], len(images), "iu", str(path)) if "labels" in arrays else None
    train = check_rows("train", arrays["train"], len(images), "b", str(path)) if "train" in arrays else None
    classes = _class_names(arrays["classes"], str(path)) if "classes" in arrays else ()
    return Arrays(images, labels, train, images.ndim > 2 and arrays[key].dtype.kind == "f", classes)


def check_images(images: np.ndarray[Any, Any], owner: str) -> np.ndarray[Any, Any]:
    """The images as uint8, vectors of floats as float32. Raises DataError, naming `owner`, for another layout, type or
    range, and for values that are not finite."""
    if images.ndim not in (2, 3, 4) or 0 in images.shape:
        raise DataError(f"{owner}: images have shape {list(images.shape)}", _LAYOUT)
    if images.ndim == 4 and images.shape[3] not in (1, 3, 4):
        hint = "Move the channels last: images.transpose(0, 2, 3, 1)." if images.shape[1] in (1, 3, 4) else _LAYOUT
        raise DataError(f"{owner}: images of shape {list(images.shape)} have {images.shape[3]} channels", hint)
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        bits = images.astype(np.uint8)
        bits *= np.uint8(255)
        return bits
    if images.dtype.kind != "f":
        raise DataError(f"{owner}: images are {images.dtype}", _LAYOUT)
    low, high = float(images.min()), float(images.max())
    if images.ndim == 2 and max(-low, high) <= float(np.finfo(np.float32).max):  # false for NaN
        return images.astype(np.float32)
    if not (low >= 0 and high <= 1):  # also false for NaN
        raise DataError(f"{owner}: images have values from {low:g} to {high:g}", _LAYOUT)
    rounded = np.empty(images.shape, np.uint8)
    for part in _parts(images):
        rounded[part] = np.rint(images[part] * 255)
    return rounded


def _parts(images: np.ndarray[Any, Any]) -> Iterator[slice]:
    """Rows that are converted at a time, so that what is made on the way stays small."""
    step = max(1, _CHUNK * len(images) // images.size)
    return (slice(start, start + step) for start in range(0, len(images), step))


def check_rows(what: str, values: np.ndarray[Any, Any], count: int, kinds: str, owner: str) -> np.ndarray[Any, Any]:
    """One value per image, of one of the dtype `kinds`; int64 or bool. Raises DataError, naming `owner`."""
    if values.shape != (count,) or values.dtype.kind not in kinds:
        raise DataError(f"{owner}: {what} is {values.dtype} of shape {list(values.shape)} for {count} images", _LAYOUT)
    return values if values.dtype.kind == "b" else values.astype(np.int64)


def _class_names(values: np.ndarray[Any, Any], owner: str) -> tuple[str, ...]:
    names = tuple(map(printable, values.tolist())) if values.ndim == 1 and values.dtype.kind == "U" else ()
    if not names or len(set(names)) != len(names) or not all(names):
        raise DataError(
            f"{owner}: classes is {values.dtype} of shape {list(values.shape)}, not different names", _LAYOUT
        )
    return names


def _load(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], str]:
    """The arrays to read, and which of them has the images."""
    try:
        headers = read_headers(path)
        key = _key(path, headers)
        wanted = {name: header for name, header in headers.items() if name in (*_BESIDE, key) and header is not None}
        _check_header(path, wanted[key])
        if "classes" in wanted and math.prod(wanted["classes"].shape) > _MOST_CLASSES:
            raise DataError(f"{path}: classes has more than {_MOST_CLASSES:,} names", _LAYOUT)
        needed = sum(2 * header.nbytes for name, header in wanted.items() if name != key)
        return read_arrays(path, wanted, needed + _memory(wanted[key])), key
    except DataError:
        raise
    except Exception as error:  # a stranger's bytes: zipfile, zlib and numpy raise a dozen types
        raise DataError(f"{path} cannot be read as .npz: {error}", _LAYOUT) from error


def _key(path: Path, headers: Mapping[str, ArrayHeader | None]) -> str:
    """The name of the array that has the images."""
    names = [name for name in headers if name not in _BESIDE]
    key = "images" if "images" in headers else names[0] if len(names) == 1 else None
    read = [name for name in headers if name in (*_BESIDE, key) or key is None]
    not_arrays = [name for name in read if headers[name] is None]
    if not_arrays:
        raise DataError(f"{path}: {printable(not_arrays[0])[:80]} is no array", _LAYOUT)
    if key is None:
        others = ", ".join(printable(name)[:80] for name in sorted(headers)[:12]) or "nothing"
        raise DataError(f"{path} holds no array `images`, but {others}", _LAYOUT)
    return key


def _check_header(path: Path, images: ArrayHeader) -> None:
    if math.prod(images.shape[1:]) > _MOST_VALUES:
        raise DataError(f"{path}: an image of shape {list(images.shape[1:])} has over {_MOST_VALUES:,} values", _LAYOUT)


def _memory(images: ArrayHeader) -> int:
    """The bytes of the images and of what is made of them: samples, and of floats their statistics in float64."""
    values = math.prod(images.shape)
    copies = 2 * values
    if images.dtype.kind == "f":
        copies = values * (16 if len(images.shape) == 2 else 2)
    return images.nbytes * (1 + images.fortran) + copies
