"""A set of images, ready for training: bytes in memory, labels, the split, and whose they are."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from zoo.data.config import DataConfig
from zoo.data.values import from_stored
from zoo.types import DataSpec

__all__ = ["ImageSet", "Pixels", "Skipped"]

_MOST_FITTED = 20_000
_MOST_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, relative to the folder, and why."""

    path: str
    reason: str


class Pixels(Protocol):
    """Stands in for the uint8 tensor `(N, *shape)` if rows are read from files when they are indexed."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: Tensor) -> Tensor: ...
    @property
    def sha256(self) -> str: ...
    @property
    def skipped(self) -> tuple[Skipped, ...]: ...
    def prefetch(self, rows: Tensor) -> None: ...
    def take(self, rows: Tensor) -> Pixels: ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Real samples, prepared for `spec`.

    `pixels` is uint8 `(N, *spec.shape)`, of float data float32, or reads those rows when it is indexed (`streamed`);
    `labels` are class numbers int64 `(N,)` or attributes float32 `(N, k)`, as `spec.condition` says, or None; `train`
    and `held_out` are row numbers (int64, ascending, none in both). `license` is an SPDX expression, empty if the
    source states none. `config` says how the set was opened. `unusable` lists the files that opening could not use;
    `greyed` says that the files are in colour and the samples grey, `rounded` that they are images of floats.
    `class_names` are the names of all labels in the source, `label_notes` what is remarkable about them. `names` are
    the files' paths, or the rows' numbers in a source of one file; those of codes are empty.
    """

    name: str
    spec: DataSpec
    pixels: Tensor | Pixels
    labels: Tensor | None
    train: Tensor
    held_out: Tensor
    license: str
    credit: str
    config: DataConfig = field(default_factory=lambda: DataConfig(""))
    unusable: tuple[Skipped, ...] = ()
    greyed: bool = False
    rounded: bool = False
    class_names: Mapping[int, str] = field(default_factory=dict)
    label_notes: tuple[str, ...] = ()
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: Tensor, device: torch.device | None = None) -> Tensor:
        """The samples of those rows, float32 `(len(rows), *spec.shape)` in `[spec.low, spec.high]`, on `device` (by
        default the bytes' own): bytes are copied there and become floats there."""
        if isinstance(self.pixels, Tensor):
            pixels = self.pixels.index_select(0, rows.to(self.pixels.device, non_blocking=True))
        else:
            pixels = self.pixels[rows]
        return from_stored(pixels if device is None else pixels.to(device, non_blocking=True), self.spec)

    def conditions(self, rows: Tensor) -> Tensor | None:
        """The classes `(len(rows),)` or attributes `(len(rows), k)` of those rows, on the CPU; None without labels."""
        return None if self.labels is None or self.spec.condition is None else self.labels[rows.cpu()]

    def to(self, device: torch.device) -> ImageSet:
        """The same set with its bytes on a device; unchanged if it is streamed, or would take more than half of a
        GPU's free memory."""
        if not isinstance(self.pixels, Tensor) or device == self.pixels.device:
            return self
        if device.type == "cuda" and self.pixels.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
            return self
        return replace(self, pixels=self.pixels.to(device))

    @property
    def streamed(self) -> bool:
        """Whether the samples are read while they are used."""
        return not isinstance(self.pixels, Tensor)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be used; of a streamed set, those found so far."""
        return self.unusable if isinstance(self.pixels, Tensor) else (*self.unusable, *self.pixels.skipped)

    @property
    def notes(self) -> tuple[str, ...]:
        """What opening did to the images that one might not expect, one a line."""
        notes = []
        if self.greyed:
            shape = ",".join(map(str, (3, *self.spec.shape[1:])))
            notes.append(
                f"images: they are in colour and are made grey; to keep it, give the shape {shape} (--shape {shape})"
            )
        if self.rounded:
            notes.append("images: their values are floats, and are rounded to the 256 levels of a picture")
        if unread := len(self.skipped):
            files = "1 file" if unread == 1 else f"{unread:,} files"
            notes.append(f"images: {files} could not be read, {len(self):,} are used")
        return (*notes, *self.label_notes)

    def to_fit(self) -> Tensor:
        """The rows to fit something to: all training rows; of a streamed set at most 20,000 and at most 1 GiB of
        float32, evenly spread."""
        most = min(_MOST_FITTED, _MOST_BYTES // (4 * self.spec.size))
        if not self.streamed or len(self.train) <= most:
            return self.train
        return self.train[torch.linspace(0, len(self.train) - 1, most).round().long()]

    def to_measure(self, most: int) -> Tensor:
        """At most `most` held-out rows, evenly spread, for errors that training rows would hide; training rows if there
        are not two held-out ones."""
        rows = self.held_out if len(self.held_out) > 1 else self.train
        return rows if len(rows) <= most else rows[torch.linspace(0, len(rows) - 1, most).round().long()]

    def without_labels(self) -> ImageSet:
        """The same set with no class or attribute, nor their names."""
        spec, config = replace(self.spec, condition=None), replace(self.config, labels="off")
        return replace(self, labels=None, spec=spec, config=config, class_names={}, label_notes=())

    def subset(self, rows: Tensor, name: str) -> ImageSet:
        """Those rows alone, in that order, each still on its side of the split."""
        return replace(
            self,
            name=name,
            pixels=self.pixels[rows] if isinstance(self.pixels, Tensor) else self.pixels.take(rows),
            labels=None if self.labels is None else self.labels[rows],
            names=[self.names[row] for row in rows.tolist()] if self.names else (),
            train=torch.isin(rows, self.train).nonzero().squeeze(1),
            held_out=torch.isin(rows, self.held_out).nonzero().squeeze(1),
        )

    def pinned_config(self) -> DataConfig:
        """How to open the same images again, every setting written out, and their digest."""
        spec = self.spec
        return replace(
            self.config,
            shape=spec.shape,
            low=spec.low,
            high=spec.high,
            prepare=spec.prepare,
            background=spec.background,
            bounded=spec.bounded,
            scaling=spec.scaling,
            condition=spec.condition,
            modality=spec.modality,
            sha256=self.sha256,
            stream=self.streamed,
        )

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of shape and pixels, in hex: a recipe stores it to recognise the set. Of a streamed set, that of
        shape, names, sizes and a sample of the files."""
        if not isinstance(self.pixels, Tensor):
            return self.pixels.sha256
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        digest.update(self.pixels.cpu().contiguous().numpy().data)
        return digest.hexdigest()
