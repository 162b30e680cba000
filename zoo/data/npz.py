"""Reading images from an `.npz` file, without pickle and without trust."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.folder import printable
from zoo.errors import DataError

__all__ = ["Arrays", "check_images", "check_rows", "read_npz"]

LARGEST = 2**32
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

    Raises DataError for a file that is no npz, holds pickled objects, unpacks to more than 4 GiB, or whose
    arrays do not go together.
    """
    arrays = _load(path)
    not_arrays = [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]
    if not_arrays:  # numpy returns a member that is no array as bytes
        raise DataError(f"{path}: {not_arrays[0]} is no array", _LAYOUT)
    names = [name for name in arrays if name not in _BESIDE]
    key = "images" if "images" in arrays else names[0] if len(names) == 1 else None
    if key is None:
        raise DataError(f"{path} holds no array `images`, but {', '.join(sorted(arrays)) or 'nothing'}", _LAYOUT)
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
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind != "f":
        raise DataError(f"{owner}: images are {images.dtype}", _LAYOUT)
    low, high = float(images.min()), float(images.max())
    if images.ndim == 2 and np.isfinite((low, high)).all():
        return images.astype(np.float32)
    if not (low >= 0 and high <= 1):  # also false for NaN
        raise DataError(f"{owner}: images have values from {low:g} to {high:g}", _LAYOUT)
    rounded: np.ndarray[Any, Any] = np.rint(images * 255).astype(np.uint8)
    return rounded


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


def _load(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise DataError(f"{path} unpacks to {size / 2**30:.1f} GiB", "Split it: 4 GiB is the most that is read.")
        with np.load(path, allow_pickle=False) as arrays:
            wanted = [name for name in arrays.files if name in (*_BESIDE, "images")]
            others = [name for name in arrays.files if name not in _BESIDE]
            return {name: arrays[name] for name in (wanted if "images" in wanted else wanted + others)}
    except DataError:
        raise
    except Exception as error:  # a stranger's bytes: zipfile, zlib and numpy raise a dozen types
        raise DataError(f"{path} cannot be read as .npz: {error}", _LAYOUT) from error
