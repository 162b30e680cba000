"""Samples that are read while they are used: any row at any time, so shuffling and resuming work as for a set in
memory."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from zoo.data.batches import Batches, PrefetchedBatches
from zoo.data.decoding import decode_image, turn
from zoo.data.folder import unread
from zoo.data.images import ImageSet, Skipped
from zoo.data.layout import Layout
from zoo.errors import ConfigError, DataError
from zoo.types import DataSpec

__all__ = ["Files", "Streamed", "batches_of"]

_SAMPLED = 256
_MOST_BROKEN = 100
_WORKERS = 8
_MOST_PREFETCHED = 8
"""Batches that may be read before they are used."""


class Files(Protocol):
    """Image files by row: their names, sizes, split and classes, and the bytes of one. `read` is called by several
    threads at once and raises whatever a missing or broken file makes it raise."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def sizes(self) -> Sequence[int]: ...
    @property
    def layout(self) -> Layout: ...
    def read(self, row: int) -> bytes: ...


class Streamed:
    """uint8 `(N, *spec.shape)`, row by row out of `files`; `rows` are the files that there are rows for, `train` says
    on which side of the split each row is.

    A file that cannot be read is listed in `skipped`, and the next one on the same side takes its place: the same one
    each time, so that a resumed run gets the same samples. With `strict`, or after more than 100 of them, it is a
    DataError.
    """

    def __init__(
        self, files: Files, spec: DataSpec, train: np.ndarray[Any, Any], rows: Sequence[int], strict: bool
    ) -> None:
        self.files = files
        self.spec = spec
        self.train = train
        self.rows = rows
        self.strict = strict
        self._broken: dict[int, Skipped] = {}
        self._prefetched: dict[int, tuple[Future[Tensor], int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Those rows, uint8 `(len(rows), *spec.shape)`. Raises DataError if nothing can be read."""
        wanted = rows.tolist()
        out = torch.empty((len(wanted), *self.spec.shape), dtype=torch.uint8)
        missing: list[int] = []
        for i, row in enumerate(wanted):
            waiting = self._prefetched.pop(row, None)
            if waiting is None:
                missing.append(i)
            else:
                future, at = waiting
                out[i] = future.result()[at]
        parts = [missing[i : i + _chunk(len(missing))] for i in range(0, len(missing), _chunk(len(missing)))]
        for part, pixels in zip(
            parts, self._pool.map(self._read, [[wanted[i] for i in part] for part in parts]), strict=True
        ):
            out[part] = pixels
        return out

    def prefetch(self, rows: Tensor) -> None:
        """Begin to read those rows: they will be indexed soon, once."""
        wanted = rows.tolist()
        size = _chunk(len(wanted))
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            future = self._pool.submit(self._read, part)
            self._prefetched |= {row: (future, i) for i, row in enumerate(part)}
        while len(self._prefetched) > _MOST_PREFETCHED * len(wanted):  # of a batch that is shared among processes
            self._prefetched.pop(next(iter(self._prefetched)))

    def take(self, rows: Tensor) -> Streamed:
        """Those rows alone, in that order."""
        kept = rows.tolist()
        return Streamed(self.files, self.spec, self.train[kept], [self.rows[row] for row in kept], self.strict)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be read so far."""
        return tuple(self._broken[row] for row in sorted(self._broken))

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the shape, of all names and sizes, and of the bytes of 256 files."""
        digest = hashlib.sha256(repr((len(self), *self.spec.shape)).encode())
        for row in self.rows:
            digest.update(os.fsencode(self.files.names[row]) + b"\0" + str(self.files.sizes[row]).encode() + b"\n")
        for at in np.linspace(0, len(self) - 1, min(_SAMPLED, len(self))).round().astype(int).tolist():
            try:
                data = self.files.read(self.rows[at])
            except OSError:
                data = b""
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # threads, not processes: Pillow decodes without holding the interpreter, and nothing is copied or restarted
        return ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1), thread_name_prefix="zoo-images")

    def _read(self, rows: list[int]) -> Tensor:
        out = np.empty((len(rows), *self.spec.shape), dtype=np.uint8)
        for i, row in enumerate(rows):
            out[i] = self._decoded(row)
        return torch.from_numpy(out)

    def _decoded(self, row: int) -> np.ndarray[Any, Any]:
        at = row
        for _ in range(_MOST_BROKEN + 1):
            if at not in self._broken:
                try:
                    with turn(self.files.sizes[self.rows[at]]):
                        return decode_image(self.files.read(self.rows[at]), self.spec)
                except (ConfigError, DataError):
                    raise
                except Exception as error:  # whatever a stranger's file makes Pillow raise is a fact about that file
                    self._note(at, error)
            at = self._next(at)
        raise DataError(f"{_MOST_BROKEN} files in a row cannot be read: {self.skipped[0].path}", "Repair the images.")

    def _next(self, row: int) -> int:
        """The next row on the same side of the split, around the end."""
        count = len(self)
        return next(at % count for at in range(row + 1, row + 1 + count) if self.train[at % count] == self.train[row])

    def _note(self, row: int, error: Exception) -> None:
        skipped = unread(self.files.names[self.rows[row]], error)
        with self._lock:
            self._broken[row] = skipped
            broken = len(self._broken)
        if self.strict or broken > _MOST_BROKEN:
            raise DataError(
                f"{skipped.path} cannot be used: {skipped.reason}{'' if self.strict else f'; {broken} files by now'}",
                "Repair or remove it, or open the images without strict." if self.strict else "Repair the images.",
            ) from error


def batches_of(images: ImageSet, rows: Tensor, batch: int, rng: torch.Generator) -> Batches:
    """Rows of the images in batches; of a streamed set, the next samples are read meanwhile."""
    if isinstance(images.pixels, Tensor):
        return Batches(rows, batch, rng)
    return PrefetchedBatches(rows, batch, rng, images.pixels.prefetch)


def _chunk(count: int) -> int:
    """How many rows a worker reads at a time."""
    return max(1, -(-count // (2 * _WORKERS)))
