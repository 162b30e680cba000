"""Encoded images on disk: safetensors of so many rows each, with a list of their digests.

encoded/<key>/facts.json               whose codes these are, their shape, and the sha256 of each file
             /codes-00000.safetensors  `codes` (rows, c, h, w), float16

The list is written after each file. What is not on it was not finished, and is made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo._utils.files import hash_file, locked, read_regular, remove_partial, sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo._utils.strict_json import parse_json
from zoo._utils.tensors import pack
from zoo.config import from_plain
from zoo.errors import IntegrityError, StorageError, UnknownName, ZooError, near

__all__ = ["SCHEME", "CodeStore", "EncodedSet", "StoreFacts", "encoded_sets", "find_encoded", "remove_encoded"]

SCHEME = "encoded:"
"""What an encoded set's address begins with."""

_FACTS, _LOCK = "facts.json", "lock"
_FOLDER = "encoded"
_LARGEST_FACTS = 10_000_000
_FILE_BYTES = 2**25
_CHUNK = 64


@dataclass(frozen=True)
class StoreFacts:
    """Whose codes a folder holds: the images' name, the first stage's, how many rows of which shape, how many rows a
    file has, and the digests of the files that are finished."""

    images: str
    first_stage: str
    rows: int
    shape: tuple[int, ...]
    rows_per_file: int
    files: tuple[str, ...] = ()
    format: int = 1

    @property
    def whole(self) -> bool:
        """Whether every row is there."""
        return len(self.files) * self.rows_per_file >= self.rows


class CodeStore:
    """The codes of one set of images in one first stage, row by row. `key` names both by their digests."""

    def __init__(self, key: str, images: str, first_stage: str, rows: int, shape: tuple[int, ...]) -> None:
        self.folder = cache_folder() / _FOLDER / key
        per_row = 2 * torch.Size(shape).numel()
        rows_per_file = max(1, min(64, _FILE_BYTES // per_row // _CHUNK)) * _CHUNK
        self.facts = StoreFacts(images, first_stage, rows, tuple(shape), rows_per_file)

    def locked(self) -> AbstractContextManager[None]:
        """Holds the folder while the block runs; waits for another process that encodes the same images. Raises
        StorageError if it cannot be written."""
        return locked(self.folder / _LOCK, None, "Free some space, or set ZOO_CACHE.")

    def resume(self) -> int:
        """Keep the files that are finished and whole; returns the number of rows that they hold. Hold the lock."""
        remove_partial(self.folder)
        kept: list[str] = []
        known = _read_facts(self.folder)
        if known is not None and replace(known, files=()) == self.facts:
            for number, digest in enumerate(known.files):
                if _digest(self._path(number)) != digest:
                    break
                kept.append(digest)
        self.facts = replace(self.facts, files=tuple(kept))
        return min(len(kept) * self.facts.rows_per_file, self.facts.rows)

    def append(self, codes: Tensor) -> None:
        """Write the next file. Raises StorageError."""
        data = pack({"codes": codes.to(torch.float16)}, {})
        write_atomically(self._path(len(self.facts.files)), data)
        self.facts = replace(self.facts, files=(*self.facts.files, sha256_of(data)))
        write_atomically(self.folder / _FACTS, json.dumps(asdict(self.facts)).encode())

    def read(self, start: int, stop: int) -> Tensor:
        """The rows from `start` to before `stop`, float16; all of them in one file. Raises IntegrityError."""
        import safetensors

        number, first = divmod(start, self.facts.rows_per_file)
        path = self._path(number)
        try:
            with safetensors.safe_open(str(path), framework="pt") as file:
                codes: Tensor = file.get_slice("codes")[first : first + stop - start]
        except (OSError, safetensors.SafetensorError) as error:
            raise IntegrityError(
                f"{path} cannot be read: {error}", "Start again: the images are encoded anew where codes are missing."
            ) from None
        if codes.dtype != torch.float16 or tuple(codes.shape) != (stop - start, *self.facts.shape):
            raise IntegrityError(f"{path} does not hold these codes", "Remove it: zoo cache rm; it is made again.")
        return codes

    def _path(self, number: int) -> Path:
        return self.folder / f"codes-{number:05d}.safetensors"


@dataclass(frozen=True, slots=True)
class EncodedSet:
    """Encoded images in the cache: `size` in bytes on disk."""

    folder: Path
    facts: StoreFacts
    size: int

    @property
    def address(self) -> str:
        """What `zoo cache` calls it."""
        return f"{SCHEME}{self.folder.name}"

    def plain(self) -> dict[str, Any]:
        """The facts for a listing, as plain data."""
        facts = {"images": self.facts.images, "first_stage": self.facts.first_stage, "rows": self.facts.rows}
        where = {"address": self.address, "folder": str(self.folder), "size": self.size, "whole": self.facts.whole}
        return where | facts | {"shape": list(self.facts.shape)}


def encoded_sets() -> list[EncodedSet]:
    """The encoded images in the cache; folders that are not readable are left out."""
    sets = []
    root = cache_folder() / _FOLDER
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        facts = _read_facts(folder)
        if facts is not None:
            size = sum(path.lstat().st_size for path in folder.iterdir())
            sets.append(EncodedSet(folder, facts, size))
    return sets


def find_encoded(address: str) -> list[EncodedSet]:
    """The encoded images at `encoded:KEY`, or whose key begins so; all of them for `encoded:`. Raises UnknownName."""
    known = encoded_sets()
    matching = [one for one in known if one.address.startswith(address)]
    if not matching:
        raise UnknownName(f"{address!r} is not in the cache", near(address, [one.address for one in known]))
    return matching


def remove_encoded(sets: Iterable[EncodedSet]) -> None:
    """Remove encoded images. Raises StorageError."""
    for one in sets:
        try:
            shutil.rmtree(one.folder)
        except OSError as error:
            raise StorageError(f"cannot remove {one.folder}: {error.strerror or error}", "Check its rights.") from error


def _read_facts(folder: Path) -> StoreFacts | None:
    """The facts in a folder; None if there are none that can be read."""
    path = folder / _FACTS
    try:
        plain = parse_json(read_regular(path, _LARGEST_FACTS), str(path), largest=_LARGEST_FACTS)
        return from_plain(StoreFacts, plain, str(path))
    except (OSError, ZooError):
        return None


def _digest(path: Path) -> str | None:
    try:
        return hash_file(path)[0]
    except OSError:
        return None
