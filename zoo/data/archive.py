"""The arrays of an .npz archive: bounded by the archive's directory and by their headers before they are unpacked."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import DataError

__all__ = ["MOST_BYTES", "ArrayHeader", "read_arrays", "read_headers"]

MOST_BYTES = 3 * 2**29
"""The most memory that an archive's arrays may take, with the copies that are made of them."""

_MOST_ROWS = 2**21
_MOST_MEMBERS = 1_000
_LONGEST_HEADER = 10_000
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FOLDER = "Put the images into a folder: a large one is read while it is used."


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What a member says of its array: the shape, the type, and whether columns lie side by side."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def nbytes(self) -> int:
        """The array's bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_headers(path: Path) -> dict[str, ArrayHeader | None]:
    """What each member says of its array, by name without `.npy`; None for a member that is no array.

    Raises DataError for an archive that promises to unpack to more than 1.5 GiB or has over 1,000 members, and what
    `zipfile` and numpy raise for a malformed one.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > MOST_BYTES:
            raise DataError(f"{path} unpacks to {size / 2**30:.1f} GiB", _FOLDER)
        if len(members) > _MOST_MEMBERS:
            raise DataError(f"{path} has {len(members):,} members", "An .npz has one for each array.")
        return {member.filename.removesuffix(".npy"): _header(archive, member) for member in members}


def read_arrays(path: Path, headers: dict[str, ArrayHeader], needed: int) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of these headers, if they have at most 2,097,152 rows and the `needed` bytes, for them and their
    copies, are not too many. Raises DataError, and like `read_headers`."""
    for name, header in headers.items():
        if header.shape and header.shape[0] > _MOST_ROWS:
            raise DataError(f"{path}: {name} has {header.shape[0]:,} rows; at most {_MOST_ROWS:,} are read", _FOLDER)
    if needed > MOST_BYTES:
        raise DataError(f"{path} takes {needed / 2**30:.1f} GiB of memory with its copies", _FOLDER)
    with zipfile.ZipFile(path) as archive:
        return {name: _array(archive, f"{name}.npy") for name in headers}


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> ArrayHeader | None:
    if member.compress_type not in _COMPRESSIONS:  # LZMA, for one, takes as much memory as the file asks for
        raise ValueError(f"{member.filename[:80]!r} is compressed by another way than deflate")
    with archive.open(member) as file:
        start = io.BytesIO(file.read(_LONGEST_HEADER))
    if not start.getvalue().startswith(np.lib.format.MAGIC_PREFIX):
        return None
    version = np.lib.format.read_magic(start)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{member.filename[:80]!r} has an array of version {version}")
    shape, fortran, dtype = readers[version](start)
    return ArrayHeader(shape, dtype, fortran)


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray[Any, Any]:
    with archive.open(name) as file:
        array: np.ndarray[Any, Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array
