"""Checks of data sets: bytes, a split, a licence, and no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.release.names import check_license
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.testing.conformance.watch import watching
from zoo.types import DataSpec

__all__ = ["DATASET_CHECKS", "DatasetCase"]


@dataclass(frozen=True)
class DatasetCase(ComponentCase):
    """A data set."""

    kind = "dataset"


def images_are_bytes_of_one_shape(case: DatasetCase) -> None:
    """uint8, (N, H, W) or (N, H, W, C), at least two of them, not all equal."""
    images = case.build().images
    assert isinstance(images, np.ndarray), f"images is a {type(images).__name__}, not an array"
    assert images.dtype == np.uint8, f"images are {images.dtype}, not uint8"
    assert images.ndim in (3, 4), f"images have the shape {images.shape}"
    assert len(images) >= 2, f"it has {len(images)} images"
    assert images.min() < images.max(), "every pixel has one value"


def rows_are_split_in_two(case: DatasetCase) -> None:
    """`train` is true for some rows and false for others; labels, if there are any, are one per row."""
    data = case.build()
    n = len(data.images)
    assert data.train.dtype == np.bool_, f"train is {data.train.dtype}, not bool"
    assert data.train.shape == (n,), f"train has the shape {data.train.shape}"
    assert 0 < int(data.train.sum()) < n, "one side of the split is empty"
    assert data.labels is None or data.labels.shape == (n,), f"{n} images have labels of shape {data.labels.shape}"


def the_spec_fits_the_images(case: DatasetCase) -> None:
    """The spec is of images with as many channels as the data set's."""
    data = case.build()
    assert isinstance(data.spec, DataSpec), f"spec is a {type(data.spec).__name__}, not a DataSpec"
    assert data.spec.is_image, f"the spec {data.spec.shape} is not one of images"
    channels = 1 if data.images.ndim == 3 else data.images.shape[-1]
    assert data.spec.shape[0] == channels, f"the spec has {data.spec.shape[0]} channels, the images {channels}"


def the_license_is_known(case: DatasetCase) -> None:
    """The licence is an SPDX expression, and the authors are credited: every release trained on it needs both."""
    data = case.build()
    check_license(data.license)
    assert data.credit.strip(), "credit is empty"


def opening_fetches_nothing_and_is_repeatable(case: DatasetCase) -> None:
    """Reading images and split uses no network and writes no file, and gives the same bytes in the same order each
    time."""
    with watching() as notes:
        first = case.build(seed=0)
        images, train = first.images, first.train
    assert not notes, "; ".join(notes[:3])
    second = case.build(seed=1)
    assert np.array_equal(images, second.images), "opening it twice gave different images"
    assert np.array_equal(train, second.train), "opening it twice gave different splits"


DATASET_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    images_are_bytes_of_one_shape,
    rows_are_split_in_two,
    the_spec_fits_the_images,
    the_license_is_known,
    opening_fetches_nothing_and_is_repeatable,
)
