"""Clusters as files: a table of labels that data sets read, and pictures to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo._utils.files import write_folder_atomically
from zoo.data.grids import captioned_grid, grid, labelled_grids, png_bytes
from zoo.data.images import ImageSet
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.transfers.clusters import Clusters, cluster

__all__ = ["TABLE", "names_of_clusters", "write_clusters"]

TABLE = "labels.csv"
_ACROSS = 12
_SHOWN = 96


def write_clusters(images: ImageSet, codes: Tensor, count: int, out: Path, seed: int = 0) -> Clusters:
    """Put images into `count` clusters of their `codes` (N, ...) and write the folder `out`: the table of their
    classes, a picture of each class from its centre outwards, and `clusters.png` with the images nearest to each
    centre.

    Raises ConfigError if the folder holds something, StorageError, and like `cluster`; nothing is half-written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "Give another folder, or remove it.")
    clusters = cluster(codes, images.train, count, seed)
    names = names_of_clusters(count)
    files = {TABLE: _table(images, [names[label] for label in clusters.labels.tolist()])}
    if images.spec.is_image:
        files |= _pictures(images, clusters, names)
    write_folder_atomically(out, files)
    return clusters


def names_of_clusters(count: int) -> list[str]:
    """The classes' names, 1 for the largest: `01` to `20`."""
    return [f"{number + 1:0{len(str(count))}d}" for number in range(count)]


def _table(images: ImageSet, classes: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "class"))
    writer.writerows(zip(images.names, classes, strict=True))
    return text.getvalue().encode()


def _pictures(images: ImageSet, clusters: Clusters, names: Sequence[str]) -> dict[str, bytes]:
    pictures, heads = {}, []
    for number, name in enumerate(names):
        rows = clusters.nearest(number)
        some = rows[torch.linspace(0, len(rows) - 1, min(_SHOWN, len(rows))).round().long()]
        pixels = to_uint8(images.batch(some), images.spec)
        pictures[f"{name}.png"] = png_bytes(captioned_grid([(f"{name}: {len(rows):,} images", grid(pixels, _ACROSS))]))
        heads.append((f"{name}: {len(rows):,} images", to_uint8(images.batch(rows[:_ACROSS]), images.spec)))
    return pictures | {"clusters.png": png_bytes(labelled_grids(heads, _ACROSS, across=1))}
