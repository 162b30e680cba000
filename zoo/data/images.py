"""A set of images, ready to be learnt from: bytes in memory, labels, the split, and whose they are."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zoo.specs import DataSpec, Selection

__all__ = ["ImageSet", "Skipped", "from_uint8", "to_uint8"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, relative to the folder, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Real samples, prepared for `spec`.

    `pixels` is uint8 `(N, *spec.shape)`; `labels` int64 `(N,)` or None; `train` and `held_out` are row
    numbers (int64, ascending, none in both). `license` is an SPDX expression, empty where the source states
    none. `skipped` lists the files that could not be used. `source`, `limit` and `selection` open the same set again.
    """

    name: str
    spec: DataSpec
    pixels: Tensor
    labels: Tensor | None
    train: Tensor
    held_out: Tensor
    license: str
    credit: str
    skipped: tuple[Skipped, ...] = ()
    source: str = ""
    limit: int | None = None
    selection: Selection | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: Tensor) -> Tensor:
        """The samples of those rows, float32 `(len(rows), *spec.shape)` in `[spec.low, spec.high]`, made where the
        bytes are."""
        return from_uint8(self.pixels[rows.to(self.pixels.device, non_blocking=True)], self.spec)

    def to(self, device: torch.device) -> ImageSet:
        """The same set with its bytes on a device, where batches are then made; as it is where they would take more
        than half of a GPU's free memory."""
        if device == self.pixels.device:
            return self
        if device.type == "cuda" and self.pixels.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
            return self
        return replace(self, pixels=self.pixels.to(device))

    def subset(self, rows: Tensor, name: str) -> ImageSet:
        """Those rows alone, in that order, each still on its side of the split."""
        return replace(
            self,
            name=name,
            pixels=self.pixels[rows],
            labels=None if self.labels is None else self.labels[rows],
            train=torch.isin(rows, self.train).nonzero().squeeze(1),
            held_out=torch.isin(rows, self.held_out).nonzero().squeeze(1),
        )

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of shape and pixels, in hex: what a recipe stores to know the set again."""
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        digest.update(self.pixels.cpu().contiguous().numpy().data)
        return digest.hexdigest()


def from_uint8(pixels: Tensor, spec: DataSpec) -> Tensor:
    """Bytes as float32: `low + v / 255 * (high - low)`, any shape."""
    return (pixels.float() / 255 * (spec.high - spec.low) + spec.low).clamp_(spec.low, spec.high)


def to_uint8(x: Tensor, spec: DataSpec) -> Tensor:
    """Samples in `[spec.low, spec.high]` as bytes, rounded; values outside are clamped, NaN becomes 0."""
    unit = (x.detach().float() - spec.low) / (spec.high - spec.low)
    return (unit.nan_to_num(0.0, posinf=1.0, neginf=0.0).clamp(0, 1) * 255).round().to(torch.uint8)
