"""Where streamed images lie: a folder, a folder by fsspec URL, tar shards (webdataset), a Hugging Face data set."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tarfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zoo._utils.files import read_regular, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.data import index
from zoo.data.config import COLUMN
from zoo.data.decoding import MOST_FILE_BYTES
from zoo.data.folder import ImageListing
from zoo.data.layout import Layout, layout_by_class, layout_of
from zoo.errors import ConfigError, DataError, near

__all__ = ["FolderFiles", "HubFiles", "RemoteFiles", "ShardFiles", "hub_files", "remote_files", "shard_files"]

_LONGEST_CLASS = 256
_ENDINGS = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".jp2", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, eq=False)
class FolderFiles:
    """Files of a local folder. Reading follows no link."""

    listing: ImageListing

    @property
    def names(self) -> Sequence[str]:
        """Relative paths."""
        return self.listing.files

    @property
    def sizes(self) -> Sequence[int]:
        """Bytes."""
        return self.listing.sizes

    @functools.cached_property
    def layout(self) -> Layout:
        """By the folders."""
        return layout_of(self.names)

    def read(self, row: int) -> bytes:
        """The file's bytes. Raises OSError, also if the size is not the listed one: the images of a run do not
        change while it trains."""
        data = read_regular(self.listing.root / self.listing.files[row], MOST_FILE_BYTES)
        if len(data) != self.listing.sizes[row]:
            index.drop_index(self.listing.root)
            raise OSError("it was written over since the folder was listed")
        return data


@dataclass(frozen=True, eq=False)
class RemoteFiles:
    """Files of a folder that fsspec reaches."""

    system: Any
    root: str
    names: Sequence[str]
    sizes: Sequence[int]

    @functools.cached_property
    def layout(self) -> Layout:
        """By the folders."""
        return layout_of(self.names)

    def read(self, row: int) -> bytes:
        """The file's bytes. Raises what the file system raises."""
        if self.sizes[row] > MOST_FILE_BYTES:
            raise OSError(f"{self.sizes[row]:,} bytes are too many")
        return bytes(self.system.cat_file(f"{self.root}/{self.names[row]}"))


@dataclass(frozen=True, eq=False)
class ShardFiles:
    """Images inside tar files: member `row` begins at `offsets[row]` of shard `shards[row]`. The classes are those of
    members `NAME.cls` beside `NAME.jpg`, if every image has one (webdataset)."""

    system: Any
    paths: Sequence[str]
    names: Sequence[str]
    sizes: Sequence[int]
    shards: Sequence[int]
    offsets: Sequence[int]
    layout: Layout

    def read(self, row: int) -> bytes:
        """The member's bytes. Raises what the file system raises."""
        start = self.offsets[row]
        return bytes(self.system.cat_file(self.paths[self.shards[row]], start=start, end=start + self.sizes[row]))


@dataclass(frozen=True, eq=False)
class HubFiles:
    """Rows of a `datasets` data set whose image column is not decoded."""

    rows: Any
    column: str
    names: Sequence[str]
    sizes: Sequence[int]
    layout: Layout
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, row: int) -> bytes:
        """The image's bytes. Raises OSError for a missing file."""
        with self._lock:
            value = self.rows[row][self.column]
        if value["bytes"] is not None:
            return bytes(value["bytes"])
        return read_regular(Path(value["path"]), MOST_FILE_BYTES)


def remote_files(url: str) -> RemoteFiles:
    """The image files below a folder's URL, such as `s3://bucket/photos`; by their endings. Raises DataError."""
    system, root = _system(url)
    try:
        entries = system.find(root, detail=True)
    except Exception as error:  # every file system raises its own
        raise DataError(
            f"{url} cannot be listed: {_line(error)}", "Check the address and your rights to it."
        ) from error
    root = root.rstrip("/")
    files = sorted(
        (os.path.relpath(path, root), int(facts.get("size") or 0))
        for path, facts in entries.items()
        if path.lower().endswith(_ENDINGS) and "/." not in path
    )
    if not files:
        raise DataError(f"{url} holds no image file", f"Known endings: {' '.join(_ENDINGS)}")
    return RemoteFiles(system, root, [name for name, _ in files], [size for _, size in files])


def shard_files(pattern: str) -> ShardFiles:
    """The images in the tar files that `pattern` names: a path or fsspec URL, with `*` or `{000..009}`.

    The list of members is kept in the user's cache, by the shards' names, sizes and times: a shard that changed is read
    again. Raises DataError when there is no shard, or one is no tar file.
    """
    system, _ = _system(pattern.replace("{", "_").replace("}", "_"))
    paths = sorted(path for one in _unfolded(pattern) for path in _matching(system, one))
    if not paths:
        raise DataError(f"no shard matches {pattern}", "For example: shards:photos/train-*.tar")
    names: list[str] = []
    sizes: list[int] = []
    shards: list[int] = []
    offsets: list[int] = []
    classes: list[str] = []
    for i, path in enumerate(paths):
        for name, offset, size, cls in _members(system, path):
            classes.append(cls)
            names.append(f"{PurePosixPath(path).name}/{name}")
            offsets.append(offset)
            sizes.append(size)
            shards.append(i)
    if not names:
        raise DataError(f"the shards {pattern} hold no image", f"Known endings: {' '.join(_ENDINGS)}")
    return ShardFiles(system, paths, names, sizes, shards, offsets, layout_by_class(classes))


def hub_files(name: str, labels: str = "auto") -> HubFiles:
    """The images of a Hugging Face data set (extra `datasets`), by its name on the Hub or the folder that
    `save_to_disk` wrote. Training rows are all but those of splits named test or validation; the class is the only
    column of the type ClassLabel, or of `labels`, `column:NAME`.

    Raises ConfigError without the library, DataError when it cannot be opened or lacks an image column or that one.
    """
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            f"hf:{name} needs the library `datasets`", "Install it: pip install 'aegan-zoo[datasets]'"
        ) from error
    try:
        opened = datasets.load_from_disk(name) if Path(name).is_dir() else datasets.load_dataset(name)
    except Exception as error:  # a dozen types: network, names, formats
        raise DataError(f"hf:{name} cannot be opened: {_line(error)}", "Check the name and the network.") from error
    splits = opened if isinstance(opened, dict) else {"train": opened}
    first = next(iter(splits.values()))
    columns = [key for key, kind in first.features.items() if isinstance(kind, datasets.Image)]
    if not columns:
        raise DataError(f"hf:{name} has no image column, but {', '.join(first.features)}", "Give another data set.")
    column = columns[0]
    train = [split not in ("test", "validation") for split, rows in splits.items() for _ in range(len(rows))]
    names = [f"{split}/{row}" for split, rows in splits.items() for row in range(len(rows))]
    whole = datasets.concatenate_datasets([rows.select_columns([column]) for rows in splits.values()])
    rows = whole.cast_column(column, datasets.Image(decode=False))
    key = _label_column(name, first.features, labels, datasets.ClassLabel)
    own = [] if key is None else [value for rows in splits.values() for value in rows[key]]
    if key is not None and isinstance(first.features[key], datasets.ClassLabel):
        own = [first.features[key].int2str(value) if isinstance(value, int) and value >= 0 else "" for value in own]
    layout = replace(layout_by_class(["" if value is None else str(value) for value in own]), train=np.array(train))
    return HubFiles(rows, column, names, [0] * len(names), layout)


def _label_column(name: str, features: Any, labels: str, class_label: type) -> str | None:
    """The column of the classes; None if there is none, or not one alone."""
    if labels.startswith(COLUMN):
        asked = labels.removeprefix(COLUMN)
        if asked not in features:
            raise DataError(f"hf:{name} has no column {asked[:80]!r}", near(asked, list(features)))
        return asked
    columns = [key for key, kind in features.items() if isinstance(kind, class_label)]
    return columns[0] if len(columns) == 1 and labels != "off" else None


def _members(system: Any, path: str) -> list[tuple[str, int, int, str]]:
    """Name, offset, size and class, if any, of each image in a shard, from the cache if it is still the same."""
    facts = system.info(path)
    mark = [2, path, facts.get("size"), str(facts.get("mtime") or facts.get("ETag") or facts.get("LastModified") or "")]
    kept = cache_folder() / "shards" / f"{hashlib.sha256(json.dumps(mark).encode()).hexdigest()}.json"
    with suppress(OSError, ValueError, TypeError):
        return [
            (str(name), int(offset), int(size), str(cls)) for name, offset, size, cls in json.loads(kept.read_bytes())
        ]
    try:
        with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            images, classes = [], {}
            for member in tar:
                if member.isreg() and member.name.lower().endswith(_ENDINGS) and member.size <= MOST_FILE_BYTES:
                    images.append((member.name, member.offset_data, member.size))
                elif member.isreg() and member.name.endswith(".cls") and member.size <= _LONGEST_CLASS:
                    text = tar.extractfile(member)
                    assert text is not None, "a plain file has bytes"
                    classes[_key(member.name)] = text.read().decode("utf-8", "backslashreplace").strip()
            rows = [(*image, classes.get(_key(image[0]), "")) for image in images]
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"shard {path} cannot be read: {_line(error)}", "Shards are plain tar files.") from error
    with suppress(OSError):  # a cache that cannot be written costs time alone
        write_atomically(kept, json.dumps(rows).encode())
    return rows


def _key(name: str) -> str:
    """What webdataset calls the key of a sample: the path up to the first dot of the file's name."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.partition(".")[0] or path.name))


def _unfolded(pattern: str) -> list[str]:
    """`a-{000..002}.tar` as three paths."""
    head, brace, rest = pattern.partition("{")
    inside, closing, tail = rest.partition("}")
    first, dots, last = inside.partition("..")
    if not (brace and closing and dots and first.isdecimal() and last.isdecimal()):
        return [pattern]
    return [f"{head}{n:0{len(first)}d}{tail}" for n in range(int(first), int(last) + 1)]


def _matching(system: Any, pattern: str) -> list[str]:
    try:
        return [str(path) for path in system.glob(system._strip_protocol(pattern))]
    except Exception as error:  # every file system raises its own
        raise DataError(f"{pattern} cannot be listed: {_line(error)}", "Check the address.") from error


def _system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path in it."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url} cannot be reached: {_line(error)}", "Install what fsspec needs for it.") from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
