"""How large the images of a source are before they are prepared, and how many there are."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

import numpy as np

from zoo import plugins
from zoo.data.config import DataConfig
from zoo.data.decoding import size_of_image
from zoo.data.folder import find_images
from zoo.data.modalities import modality_class, reader_of
from zoo.data.npz import read_npz
from zoo.data.open import has_scheme, path_of, scheme_files
from zoo.data.sources import FolderFiles
from zoo.data.streamed import Files
from zoo.data.types import Dataset
from zoo.errors import DataError

__all__ = ["count_of", "side_of"]

_MOST_READ = 1_000
_SMALLER = 0.05
"""The share of images that may be smaller than what is said to be their side."""


def side_of(config: DataConfig) -> int:
    """The shorter side, in pixels, that all but a twentieth of a source's images have at least; of a folder or a stream
    by up to 1,000 headers. Raises DataError if none can be read, and like `open_data`."""
    if has_scheme(config.source):
        return _by_headers(scheme_files(config))
    path = path_of(config.source)
    if path is None:
        registered = plugins.find_component("dataset", config.source)
        images = np.asarray(cast(Dataset, plugins.build("dataset", registered.id)).images)
        return min(images.shape[1:3])
    if path.is_file():
        return min(read_npz(path).images.shape[1:3])
    return _by_headers(FolderFiles(find_images(path)))


def count_of(config: DataConfig) -> int:
    """How many images a source has, files that cannot be read included, or how many of them are taken. Raises DataError
    for vectors, and like `open_data`."""
    if has_scheme(config.source):
        count = len(scheme_files(config).names)
    elif (path := path_of(config.source)) is None:
        registered = plugins.find_component("dataset", config.source)
        count = len(cast(Dataset, plugins.build("dataset", registered.id)).images)
    elif path.is_file() and (reader := reader_of(path)) is not None:
        count = len(modality_class(reader).read(path))
    elif path.is_file():
        images = read_npz(path).images
        if images.ndim < 3:
            raise DataError(f"{config.source} holds vectors, not images")
        count = len(images)
    else:
        count = len(FolderFiles(find_images(path)).names)
    return count if config.limit is None else min(count, config.limit)


def _by_headers(files: Files) -> int:
    sides = []
    for at in np.linspace(0, len(files.names) - 1, min(_MOST_READ, len(files.names))).round().astype(int).tolist():
        with suppress(Exception):  # reading it later gives the reason
            sides.append(min(size_of_image(files.read(at))[1:]))
    if not sides:
        raise DataError(f"none of {len(files.names):,} files is an image that can be read", "Give PNG or JPEG files.")
    return sorted(sides)[int(_SMALLER * len(sides))]
