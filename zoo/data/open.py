"""Opening images by whatever names them: a data set component, a folder, an `.npz` file."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo import plugins
from zoo.data.archive import MOST_BYTES
from zoo.data.config import TABLES, DataConfig
from zoo.data.decoding import size_of_image
from zoo.data.folder import ImageListing, any_colour, common_shape, find_images, printable, read_images
from zoo.data.images import ImageSet, Skipped
from zoo.data.labels import label_by_table, label_files, names_of_labels, number_classes
from zoo.data.layout import Layout, layout_of
from zoo.data.modalities import open_records, reader_of
from zoo.data.npz import check_images, check_rows, read_npz
from zoo.data.prepare import fit_arrays
from zoo.data.sources import FolderFiles, hub_files, remote_files, shard_files
from zoo.data.split import limit_rows, limit_split, select_images, split
from zoo.data.streamed import Files, Streamed
from zoo.data.types import Dataset
from zoo.data.values import fit_scaling, into_range
from zoo.errors import ConfigError, DataError, PluginError, UnknownName
from zoo.types import DataSpec, Preparation

__all__ = ["has_scheme", "open_data", "open_images", "path_of", "scheme_files"]

_SCHEME = re.compile(r"(hf|shards):.|[a-z][a-z0-9+.-]+://")
_LARGE_COUNT = 20_000
_LARGE = 2**30
_LARGEST = 2**32
_MOST_HELD_OUT = 10_000
_MOST_SIZED = 1_000


def open_images(
    source: str | Path,
    like: DataSpec | None = None,
    *,
    shape: tuple[int, ...] | None = None,
    prepare: Preparation | None = None,
    strict: bool = False,
    held_out: float | None = None,
    limit: int | None = None,
    stream: bool | None = None,
) -> ImageSet:
    """Open images and prepare them.

    `source` is a path if one of that name exists, if it ends in `.npz` or begins like a path
    (`./`, `/`, `~`); else the name of a data set component, `mnist5k` or `starter/mnist5k`. `hf:NAME` is a Hugging
    Face data set, `shards:PATTERN` tar files (webdataset), `PROTOCOL://...` a folder that fsspec reaches. A file that a
    plugin's modality reads, such as a table, gives its records.
    Shape and value range come from `like` (so that the set fits a model), else `shape`, else the source: a
    component's own spec, or the images' size if all have the same. How images get there comes from `prepare`,
    else a component's spec, else `like`, else `resize`. A component that is brought to another shape than its
    own is first prepared as its spec says, then resized.

    The split is the source's if it has one; else the share `held_out` (by default a fifth) of a folder's or file's
    images, by the hash of their relative paths or row numbers. `limit` takes that many images, the same ones each time.
    `strict` refuses a folder in which a file had to be skipped.

    With `stream` the samples are read while they are used; by default those of `hf:`, `shards:` and URLs are, and a
    folder of more than 20,000 files or of more than 1 GiB once prepared. Then at most 10,000 images (and 1 GiB) are
    held out, the images' shape is that of the first 1,000 files, and broken files are met on the way (`Streamed`).

    Raises UnknownName for a name that is nothing, DataError for images that are missing, broken or unfit,
    ConfigError for a shape that is missing or given twice, PluginError if a component's code fails.
    """
    if like is not None and shape is not None and tuple(shape) != like.shape:
        raise ConfigError(f"shape {list(shape)} and the shape {list(like.shape)} of `like` differ", "Give one of them.")
    if isinstance(source, Path):  # not the name of a component, even if it looks like one
        source = source.expanduser()
        source = str(source) if source.is_absolute() else os.path.join(os.curdir, source)
    config = DataConfig(
        source, shape=shape, prepare=prepare, limit=limit, strict=strict, stream=stream, held_out=held_out
    )
    return open_data(config, like)


def open_data(config: DataConfig, like: DataSpec | None = None) -> ImageSet:
    """The images that `config` names, in the value range of `like` and, unless the config has a shape, in its shape.
    Raises like `open_images`; the config's `sha256` is not checked."""
    if config.clusters is not None:
        raise ConfigError(
            f"labels {config.labels} are clusters of codes, which a transfer makes",
            f"zoo transfer RELEASE --data {config.source} --labels {config.labels}; or zoo cluster and its labels.csv.",
        )
    images = select_images(_open(config, config.samples(like)), config.select)
    if config.labels == "off":
        return replace(images, labels=None)
    return number_classes(images, config.condition)


def _open(config: DataConfig, like: DataSpec | None) -> ImageSet:
    if has_scheme(config.source):
        return _open_scheme(config, like)
    path = path_of(config.source)
    if path is None:
        return _open_component(config, like)
    if path.is_dir():
        return _open_folder(path, config, like)
    if path.is_file() and path.suffix.lower() == ".npz":
        return _open_npz(path, config, like)
    if path.is_file() and (reader := reader_of(path)) is not None:
        config = replace(config, source=str(path.resolve()))
        return open_records(path, reader, config, like)
    if path.exists():
        raise DataError(
            f"{path} is neither a folder nor an .npz file{_endings()}", "Put images into a folder and give that."
        )
    raise DataError(f"there is no folder or file {path}", "Check the path, or give a data set: zoo components dataset")


def has_scheme(source: str) -> bool:
    """Whether a source is `hf:`, `shards:` or a URL."""
    return _SCHEME.match(source) is not None


def path_of(source: str) -> Path | None:
    """The path that a source without a scheme is; None if it is the name of a component. Raises ConfigError."""
    if not source or "\0" in source:
        raise ConfigError(f"{source!r} names no images", "Give a data set's name, a folder or an .npz file.")
    path = Path(source).expanduser()
    begins_like_one = source.startswith(("/", "./", "../", "~", ".\\", "..\\")) or source in (".", "..")
    if begins_like_one or path.is_absolute() or source.lower().endswith(".npz") or source.endswith(("/", os.sep)):
        return path
    return path if os.path.lexists(path) or reader_of(path) is not None else None


def _endings() -> str:
    """The endings that plugins read, as the rest of a sentence."""
    suffixes = sorted({suffix for one in plugins.components("modality") for suffix in one.component.suffixes})
    return f", and no plugin reads its ending (they read {', '.join(suffixes)})" if suffixes else ""


def _open_component(config: DataConfig, like: DataSpec | None) -> ImageSet:
    try:
        registered = plugins.find_component("dataset", config.source)
    except UnknownName as error:
        raise UnknownName(f"{error.message}, and no folder {config.source} exists", error.hint) from None
    _require_own_labels(config)
    built = plugins.build("dataset", registered.id)
    owner = f"dataset {registered.id}"
    if not isinstance(built, Dataset) or not isinstance(built.spec, DataSpec):
        raise PluginError(
            f"{owner} built a {type(built).__name__}, which lacks what a data set has",
            f"The code is {registered.component.target} of {registered.plugin.distribution}; see zoo.plugin.Dataset.",
        )
    images = check_images(np.asarray(built.images), owner)
    train = check_rows("train", np.asarray(built.train), len(images), "b", owner)
    labels = None
    if built.labels is not None:
        labels = check_rows("labels", np.asarray(built.labels), len(images), "iu", owner)
    own: DataSpec = built.spec if config.prepare is None else replace(built.spec, prepare=config.prepare)
    wanted = like or (own if config.shape is None else replace(own, shape=config.shape))
    spec = replace(own, shape=wanted.shape, low=wanted.low, high=wanted.high, kind=wanted.kind)

    rows = limit_split(train, config.limit)
    opened = _image_set(
        registered.component.name,
        spec,
        _two_steps(images[rows], own, spec),
        None if labels is None else labels[rows],
        train[rows],
        config=replace(config, source=registered.id),
        license=built.license,
        credit=built.credit,
        names=[str(row) for row in rows],
    )
    if config.labels.endswith(TABLES):
        return label_by_table(opened)
    if labels is None:
        return opened
    return replace(opened, class_names=names_of_labels(torch.from_numpy(labels), getattr(built, "classes", ()), owner))


def _open_npz(path: Path, config: DataConfig, like: DataSpec | None) -> ImageSet:
    _require_own_labels(config)
    arrays = read_npz(path)
    spec = _spec_of_file(config, like, _shape_of(arrays.images))
    if arrays.train is not None:
        rows = limit_split(arrays.train, config.limit)
        train = arrays.train[rows]
    else:
        rows = limit_rows([str(row) for row in range(len(arrays.images))], config.limit)
        train = split([str(row) for row in rows], config.held_out_share)
    _check_size(len(rows), spec, str(path), MOST_BYTES // 2)
    labels = None if arrays.labels is None else arrays.labels[rows]
    images = arrays.images if len(rows) == len(arrays.images) else arrays.images[rows]
    pixels = fit_arrays(images, spec)
    if pixels.dtype != np.uint8 and spec.scaling is None and like is None:
        spec = replace(spec, low=-1.0, high=1.0, bounded=False, scaling=fit_scaling(pixels[train]))
    elif pixels.dtype != np.uint8 and spec.scaling is None:
        pixels = into_range(pixels, spec, str(path))
    config = replace(config, source=str(path.resolve()))
    opened = _image_set(path.stem, spec, pixels, labels, train, config=config, names=[str(row) for row in rows])
    opened = replace(opened, rounded=arrays.rounded)
    if config.labels.endswith(TABLES):
        return label_by_table(opened)
    if arrays.labels is None:
        return opened
    return replace(opened, class_names=names_of_labels(torch.from_numpy(arrays.labels), arrays.classes, str(path)))


def _require_own_labels(config: DataConfig) -> None:
    if config.labels not in ("auto", "off") and not config.labels.endswith(TABLES):
        raise ConfigError(
            f"labels {config.labels} are for folders and addresses, and {config.source} has its own",
            "Leave it out, say off, or give a table with the columns row and class.",
        )


def _open_folder(path: Path, config: DataConfig, like: DataSpec | None) -> ImageSet:
    listing = find_images(path)
    if not listing.files:
        reasons = _format_skipped(listing.skipped)
        raise DataError(f"folder {path} holds no files to read{reasons}", "Put images into it.")
    config = replace(config, source=str(listing.root))
    if config.stream is not False and (config.stream or _is_large(listing, config, like)):
        return _stream(FolderFiles(listing), config, like, skipped=listing.skipped)
    layout = layout_of(listing.files)
    files = [listing.files[row] for row in _limited(listing.files, layout, config.limit)]
    own = None if like is not None or config.shape is not None else common_shape(listing, files)
    spec = _spec_of_file(config, like, own)
    _check_size(len(files), spec, str(path))
    pixels, read, unread = read_images(listing, files, spec)
    skipped = (*listing.skipped, *unread)
    if not read:
        raise DataError(
            f"folder {path} holds no image that can be read{_format_skipped(skipped)}", "Give PNG or JPEG files."
        )
    if skipped and config.strict:
        raise DataError(
            f"{len(skipped)} of {len(skipped) + len(read)} files of {path} cannot be used{_format_skipped(skipped)}",
            "Repair or remove them, or open the folder without strict.",
        )
    places = {file: row for row, file in enumerate(listing.files)}
    layout = layout.take([places[file] for file in read])
    train = split(read, config.held_out_share) if layout.train is None else layout.train
    name = printable(listing.root.name) or "images"
    opened = _image_set(name, spec, pixels, None, train, config=config, skipped=tuple(skipped), names=read)
    opened = replace(opened, greyed=spec.shape[0] == 1 and any_colour(listing, read))
    return label_files(opened, layout)


def _open_scheme(config: DataConfig, like: DataSpec | None) -> ImageSet:
    """What is named by a scheme: `hf:`, `shards:`, or an fsspec URL."""
    if config.stream is False:
        raise ConfigError(
            f"{config.source} can only be streamed", "Leave `stream` out; or save the images into a folder."
        )
    return _stream(scheme_files(config), config, like)


def scheme_files(config: DataConfig) -> Files:
    """The files of a source with a scheme."""
    scheme, _, rest = config.source.partition(":")
    if scheme == "hf":
        return hub_files(rest, config.labels)
    return shard_files(rest) if scheme == "shards" else remote_files(config.source)


def _limited(names: Sequence[str], layout: Layout, limit: int | None) -> list[int]:
    """At most `limit` rows, from both sides of the split in proportion if there is one."""
    train = layout.train
    return limit_rows(names, limit) if train is None or train.all() else limit_split(train, limit)


def _stream(
    files: Files,
    config: DataConfig,
    like: DataSpec | None,
    *,
    skipped: tuple[Skipped, ...] = (),
) -> ImageSet:
    rows = _limited(files.names, files.layout, config.limit)
    layout = files.layout.take(rows)
    own = None if like is not None or config.shape is not None else _shape_of_some(files, rows)
    spec = _spec_of_file(config, like, own)
    most = min(_MOST_HELD_OUT, _LARGE // spec.size)
    share = min(config.held_out_share, most / len(rows))
    names = [files.names[row] for row in rows]
    sides = split(names, share) if layout.train is None or layout.train.all() else layout.train
    source = config.source
    if not spec.is_image:
        raise ConfigError(f"{source} cannot be streamed as shape {list(spec.shape)}", "Give (1, H, W) or (3, H, W).")
    if config.strict and skipped:
        raise DataError(
            f"{len(skipped)} files of {source} cannot be used{_format_skipped(skipped)}", "Repair or remove them."
        )
    opened = ImageSet(
        name=printable(source.rstrip("/").rpartition("/")[2] or source),
        spec=spec,
        pixels=Streamed(files, spec, sides, rows, config.strict),
        labels=None,
        train=torch.from_numpy(np.flatnonzero(sides)),
        held_out=torch.from_numpy(np.flatnonzero(~sides)[:most]),
        license="",
        credit="",
        config=config,
        unusable=skipped,
        names=names,
    )
    return label_files(opened, layout)


def _shape_of_some(files: Files, rows: Sequence[int]) -> tuple[int, int, int]:
    """`(C, H, W)` of up to 1,000 of the files, evenly spread: the others are brought to the same."""
    sizes: set[tuple[int, int, int]] = set()
    for at in np.linspace(0, len(rows) - 1, min(_MOST_SIZED, len(rows))).round().astype(int).tolist():
        try:
            sizes.add(size_of_image(files.read(rows[at])))
        except Exception:  # reading it later gives the reason
            continue
    planes = {size[1:] for size in sizes}
    if len(planes) > 1:
        some = " and ".join(f"{width} x {height}" for height, width in sorted(planes)[:2])
        raise ConfigError(
            f"the images have different sizes, among them {some}",
            "Say to which shape they are to be brought, for example shape (3, 64, 64).",
        )
    if not planes:
        raise DataError(f"none of {len(rows):,} files is an image that can be read", "Give PNG or JPEG files.")
    return (max(size[0] for size in sizes), *planes.pop())


def _is_large(listing: ImageListing, config: DataConfig, like: DataSpec | None) -> bool:
    count = len(listing.files) if config.limit is None else min(config.limit, len(listing.files))
    shape = like.shape if like is not None else config.shape
    if count > _LARGE_COUNT:
        return True
    if shape is None:
        try:
            shape = common_shape(listing, listing.files[:1])
        except DataError:
            return False  # a file that is no image: the others are read, or listed, as a small set's are
    return count * math.prod(shape) > _LARGE


def _spec_of_file(config: DataConfig, like: DataSpec | None, own: tuple[int, ...] | None) -> DataSpec:
    """The spec of a source that has none: prepared as the caller says, else like `like`, else resized."""
    if like is not None:
        return replace(like, prepare=config.prepare or like.prepare, condition=None)
    shape = config.shape or own
    if shape is None:
        raise ConfigError("the images say nothing of their shape", "Give one, for example shape (3, 64, 64).")
    return DataSpec(shape, prepare=config.prepare or "resize")


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


def _check_size(count: int, spec: DataSpec, owner: str, largest: int = _LARGEST) -> None:
    if count * spec.size > largest:
        raise DataError(
            f"{owner}: {count:,} images of shape {list(spec.shape)} take {count * spec.size / 2**30:.1f} GiB",
            f"Give a smaller shape or a limit: images are kept in memory, up to {largest / 2**30:g} GiB.",
        )


def _image_set(
    name: str,
    spec: DataSpec,
    pixels: np.ndarray[Any, Any],
    labels: np.ndarray[Any, Any] | None,
    train: np.ndarray[Any, Any],
    *,
    config: DataConfig,
    license: str = "",
    credit: str = "",
    skipped: tuple[Skipped, ...] = (),
    names: Sequence[str],
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
        config=config,
        unusable=skipped,
        names=names,
    )


def _format_skipped(skipped: tuple[Skipped, ...]) -> str:
    """The first few skipped files, for an error's line."""
    if not skipped:
        return ""
    shown = "; ".join(f"{item.path}: {item.reason}" for item in skipped[:3])
    return f" ({shown}{f'; {len(skipped) - 3} more' if len(skipped) > 3 else ''})"
