"""Opening images by whatever names them: a data set component, a folder, an `.npz` file."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from zoo import plugins
from zoo.data.folder import common_shape, find_images, printable, read_images
from zoo.data.images import ImageSet, Skipped
from zoo.data.npz import LARGEST, checked_images, checked_rows, read_npz
from zoo.data.prepare import fit_arrays
from zoo.data.split import chosen, chosen_of_both, split
from zoo.errors import ConfigError, DataError, PluginError, UnknownName
from zoo.protocols import Dataset
from zoo.specs import DataSpec, Preparation

__all__ = ["open_images"]


class _Wishes(NamedTuple):
    """What the caller asked for."""

    like: DataSpec | None
    shape: tuple[int, ...] | None
    prepare: Preparation | None
    strict: bool
    held_out: float
    limit: int | None

    def spec(self, own: DataSpec) -> DataSpec:
        """Shape and value range from `like` or `shape`, how to get there from the source."""
        low, high = (self.like.low, self.like.high) if self.like is not None else (own.low, own.high)
        shape = self.like.shape if self.like is not None else self.shape or own.shape
        return replace(own, shape=shape, low=low, high=high)


def open_images(
    source: str | Path,
    like: DataSpec | None = None,
    *,
    shape: tuple[int, ...] | None = None,
    prepare: Preparation | None = None,
    strict: bool = False,
    held_out: float = 0.2,
    limit: int | None = None,
) -> ImageSet:
    """Open images and prepare them.

    `source` is a path where one of that name exists, where it ends in `.npz` or begins like a path
    (`./`, `/`, `~`); else the name of a data set component, `mnist5k` or `starter/mnist5k`.
    Shape and value range come from `like` (so that the set fits a model), else `shape`, else the source: a
    component's own spec, the images' size where all have the same. How images get there comes from `prepare`,
    else a component's spec, else `like`, else `resize`. A component that is brought to another shape than its
    own is first prepared as its spec says, then resized.

    The split is the source's where it has one; else the share `held_out` of a folder's or file's images, by
    the hash of their relative paths or row numbers. `limit` takes that many images, the same ones each time.
    `strict` refuses a folder in which a file had to be skipped.

    Raises UnknownName for a name that is nothing, DataError for images that are missing, broken or unfit,
    ConfigError for a shape that is missing or given twice, PluginError where a component's code fails.
    """
    if like is not None and shape is not None and tuple(shape) != like.shape:
        raise ConfigError(f"shape {list(shape)} and the shape {list(like.shape)} of `like` differ", "Give one of them.")
    wishes = _Wishes(like, tuple(shape) if shape is not None else None, prepare, strict, held_out, limit)
    if wishes.shape is not None:
        DataSpec(wishes.shape)  # refused before anything is read
    path = _as_path(source)
    if path is None:
        return _open_component(str(source), wishes)
    if path.is_dir():
        return _open_folder(path, wishes)
    if path.is_file() and path.suffix.lower() == ".npz":
        return _open_npz(path, wishes)
    if path.exists():
        raise DataError(f"{path} is neither a folder nor an .npz file", "Put images into a folder and give that.")
    raise DataError(f"there is no folder or file {path}", "Check the path, or give a data set: zoo components dataset")


def _as_path(source: str | Path) -> Path | None:
    if isinstance(source, Path):
        return source.expanduser()
    if not source or "\0" in source:
        raise ConfigError(f"{source!r} names no images", "Give a data set's name, a folder or an .npz file.")
    path = Path(source).expanduser()
    begins_like_one = source.startswith(("/", "./", "../", "~", ".\\", "..\\")) or source in (".", "..")
    if begins_like_one or path.is_absolute() or source.lower().endswith(".npz") or source.endswith(("/", os.sep)):
        return path
    return path if os.path.lexists(path) else None


def _open_component(name: str, wishes: _Wishes) -> ImageSet:
    try:
        offer = plugins.find("dataset", name)
    except UnknownName as error:
        raise UnknownName(f"{error.message}, and no folder {name} exists", error.hint) from None
    held = plugins.build("dataset", offer.id)
    owner = f"dataset {offer.id}"
    if not isinstance(held, Dataset) or not isinstance(held.spec, DataSpec):
        raise PluginError(
            f"{owner} built a {type(held).__name__}, which lacks what a data set has",
            f"The code is {offer.component.target} of {offer.plugin.distribution}; see zoo.protocols.Dataset.",
        )
    images = checked_images(np.asarray(held.images), owner)
    train = checked_rows("train", np.asarray(held.train), len(images), "b", owner)
    labels = None
    if held.labels is not None:
        labels = checked_rows("labels", np.asarray(held.labels), len(images), "iu", owner)
    own: DataSpec = held.spec if wishes.prepare is None else replace(held.spec, prepare=wishes.prepare)
    spec = wishes.spec(own)

    rows = chosen_of_both(train, wishes.limit)
    pixels = _two_steps(images[rows], own, spec)
    return _image_set(
        offer.component.name,
        spec,
        pixels,
        None if labels is None else labels[rows],
        train[rows],
        source=offer.id,
        limit=wishes.limit,
        license=held.license,
        credit=held.credit,
    )


def _open_npz(path: Path, wishes: _Wishes) -> ImageSet:
    arrays = read_npz(path)
    spec = _spec_of_file(wishes, _shape_of(arrays.images))
    if arrays.train is not None:
        rows = chosen_of_both(arrays.train, wishes.limit)
        train = arrays.train[rows]
    else:
        rows = chosen([str(row) for row in range(len(arrays.images))], wishes.limit)
        train = split([str(row) for row in rows], wishes.held_out)
    _check_size(len(rows), spec, str(path))
    labels = None if arrays.labels is None else arrays.labels[rows]
    pixels = fit_arrays(arrays.images[rows], spec)
    return _image_set(path.stem, spec, pixels, labels, train, source=str(path.resolve()), limit=wishes.limit)


def _open_folder(path: Path, wishes: _Wishes) -> ImageSet:
    found = find_images(path)
    if not found.files:
        raise DataError(f"folder {path} holds no files to read{_told(found.skipped)}", "Put images into it.")
    files = [found.files[i] for i in chosen(found.files, wishes.limit)]
    own = None if wishes.like is not None or wishes.shape is not None else common_shape(found, files)
    spec = _spec_of_file(wishes, own)
    _check_size(len(files), spec, str(path))
    pixels, read, unread = read_images(found, files, spec)
    skipped = (*found.skipped, *unread)
    if not read:
        raise DataError(f"folder {path} holds no image that can be read{_told(skipped)}", "Give PNG or JPEG files.")
    if skipped and wishes.strict:
        raise DataError(
            f"{len(skipped)} of {len(skipped) + len(read)} files of {path} cannot be used{_told(skipped)}",
            "Repair or remove them, or open the folder without strict.",
        )
    train = split(read, wishes.held_out)
    name = printable(found.root.name) or "images"
    return _image_set(
        name, spec, pixels, None, train, source=str(found.root), limit=wishes.limit, skipped=tuple(skipped)
    )


def _spec_of_file(wishes: _Wishes, own: tuple[int, ...] | None) -> DataSpec:
    """The spec of a source that has none: prepared as the caller says, else like `like`, else resized."""
    if wishes.like is not None:
        return replace(wishes.like, prepare=wishes.prepare or wishes.like.prepare)
    shape = wishes.shape or own
    if shape is None:
        raise ConfigError("the images say nothing of their shape", "Give one, for example shape (3, 64, 64).")
    return DataSpec(shape, prepare=wishes.prepare or "resize")


def _shape_of(images: np.ndarray[Any, Any]) -> tuple[int, ...]:
    if images.ndim == 2:
        return (images.shape[1],)
    channels = 1 if images.ndim == 3 else images.shape[3]
    return (3 if channels == 4 else channels, *images.shape[1:3])


def _two_steps(images: np.ndarray[Any, Any], own: DataSpec, spec: DataSpec) -> np.ndarray[Any, Any]:
    """As the set's own spec says, and from there to another shape: a digit keeps its share of the canvas."""
    if spec.is_image and own.is_image and spec.shape[1:] not in (own.shape[1:], images.shape[1:3]):
        between = replace(own, shape=(_shape_of(images)[0], *own.shape[1:]))
        images = fit_arrays(images, between).transpose(0, 2, 3, 1)
        spec = replace(spec, prepare="resize")
    elif not spec.is_image and own.is_image and math.prod(images.shape[1:]) != spec.size:
        images = fit_arrays(images, own)
    return fit_arrays(images, spec)


def _check_size(count: int, spec: DataSpec, owner: str) -> None:
    if count * spec.size > LARGEST:
        raise DataError(
            f"{owner}: {count:,} images of shape {list(spec.shape)} take {count * spec.size / 2**30:.1f} GiB",
            "Give a smaller shape or a limit: images are held in memory, up to 4 GiB.",
        )


def _image_set(
    name: str,
    spec: DataSpec,
    pixels: np.ndarray[Any, Any],
    labels: np.ndarray[Any, Any] | None,
    train: np.ndarray[Any, Any],
    *,
    source: str,
    limit: int | None,
    license: str = "",
    credit: str = "",
    skipped: tuple[Skipped, ...] = (),
) -> ImageSet:
    return ImageSet(
        name=name,
        spec=spec,
        pixels=torch.from_numpy(np.ascontiguousarray(pixels)),
        labels=None if labels is None else torch.from_numpy(labels),
        train=torch.from_numpy(np.flatnonzero(train)),
        held_out=torch.from_numpy(np.flatnonzero(~train)),
        license=license,
        credit=credit,
        skipped=skipped,
        source=source,
        limit=limit,
    )


def _told(skipped: tuple[Skipped, ...]) -> str:
    """The first few skipped files, for an error's line."""
    if not skipped:
        return ""
    shown = "; ".join(f"{item.path}: {item.reason}" for item in skipped[:3])
    return f" ({shown}{f'; {len(skipped) - 3} more' if len(skipped) > 3 else ''})"
