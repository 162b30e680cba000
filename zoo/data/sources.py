"""Where streamed images lie: a folder, a folder by fsspec URL, tar shards (webdataset), a Hugging Face data set."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from zoo._utils.files import read_regular, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.data import index
from zoo.data.folder import ImageListing
from zoo.errors import ConfigError, DataError

__all__ = ["FolderFiles", "HubFiles", "RemoteFiles", "ShardFiles", "hub_files", "remote_files", "shard_files"]

_LARGEST = 2**28
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

    def read(self, row: int) -> bytes:
        """The file's bytes. Raises OSError, also if the size is not the listed one: the images of a run do not
        change while it trains."""
        data = read_regular(self.listing.root / self.listing.files[row], _LARGEST)
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

    def read(self, row: int) -> bytes:
        """The file's bytes. Raises what the file system raises."""
        return bytes(self.system.cat_file(f"{self.root}/{self.names[row]}"))


@dataclass(frozen=True, eq=False)
class ShardFiles:
    """Images inside tar files: member `row` begins at `offsets[row]` of shard `shards[row]`."""

    system: Any
    paths: Sequence[str]
    names: Sequence[str]
    sizes: Sequence[int]
    shards: Sequence[int]
    offsets: Sequence[int]

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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, row: int) -> bytes:
        """The image's bytes. Raises OSError for a missing file."""
        with self._lock:
            value = self.rows[row][self.column]
        if value["bytes"] is not None:
            return bytes(value["bytes"])
        return read_regular(Path(value["path"]), _LARGEST)


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
    for i, path in enumerate(paths):
        for name, offset, size in _members(system, path):
            names.append(f"{PurePosixPath(path).name}/{name}")
            offsets.append(offset)
            sizes.append(size)
            shards.append(i)
    if not names:
        raise DataError(f"the shards {pattern} hold no image", f"Known endings: {' '.join(_ENDINGS)}")
    return ShardFiles(system, paths, names, sizes, shards, offsets)


def hub_files(name: str) -> tuple[HubFiles, list[bool]]:
    """The images of a Hugging Face data set (extra `datasets`), by its name on the Hub or the folder that
    `save_to_disk` wrote, and which of them are training rows: all but those of splits named test or validation.

    Raises ConfigError without the library, DataError when it cannot be opened or has no image column.
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
    return HubFiles(rows, column, names, [0] * len(names)), train


def _members(system: Any, path: str) -> list[tuple[str, int, int]]:
    """Name, offset and size of each image in a shard, from the cache if the shard is still the same."""
    facts = system.info(path)
    mark = [path, facts.get("size"), str(facts.get("mtime") or facts.get("ETag") or facts.get("LastModified") or "")]
    kept = cache_folder() / "shards" / f"{hashlib.sha256(json.dumps(mark).encode()).hexdigest()}.json"
    with suppress(OSError, ValueError, TypeError):
        return [(str(name), int(offset), int(size)) for name, offset, size in json.loads(kept.read_bytes())]
    try:
        with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            rows = [
                (member.name, member.offset_data, member.size)
                for member in tar
                if member.isreg() and member.name.lower().endswith(_ENDINGS) and member.size <= _LARGEST
            ]
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"shard {path} cannot be read: {_line(error)}", "Shards are plain tar files.") from error
    with suppress(OSError):  # a cache that cannot be written costs time alone
        write_atomically(kept, json.dumps(rows).encode())
    return rows


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
