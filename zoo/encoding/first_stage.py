"""`zoo.first_stage(...)`: a pretrained autoencoder with codes (c, h, w) as the first stage of a GAN on one's images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.data.sizes import side_of
from zoo.encoding.codes import encode_images
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.resizing import resized
from zoo.registry.load import load
from zoo.types import DataSpec, Watcher

__all__ = ["choose_size", "first_stage", "for_images", "image_shape"]

_LARGEST_SIDE = 256


def first_stage(
    source: str | Path | Autoencoder,
    data: str | Path | ImageSet,
    *,
    size: int | tuple[int, int] | None = None,
    grey: bool = False,
    flip: bool = False,
    watch: Watcher | None = None,
) -> FirstStage:
    """The autoencoder of a release, or one in memory, as the first stage for `data`; its codes are scaled to them.

    `size` is the side or (height, width) to which the images are brought: by default the largest power of two times
    the autoencoder's factor that nearly all of them have, at most 256. `grey` takes and gives grey images. The images
    are encoded into the user's cache; `flip` encodes a mirrored copy of each training image too. Raises
    CompositionError for an autoencoder with flat codes, ConfigError for images smaller than its factor, and like
    `zoo.load` and `open_images`.

    >>> stage = zoo.first_stage("spatial.photos4", "photos/", size=64)  # doctest: +SKIP
    >>> zoo.gan("dcgan", first_stage=stage)  # doctest: +SKIP
    """
    autoencoder = source if isinstance(source, Autoencoder) else _autoencoder(source)
    if isinstance(data, ImageSet):
        return encode_images(data, for_images(autoencoder, data.spec, flip=flip), watch)[1]
    config = DataConfig(str(data))
    height, width = _sides(size) if size is not None else image_shape(autoencoder, config)[1:]
    channels = 1 if grey else autoencoder.data.shape[0]
    spec = replace(autoencoder.data, shape=(channels, height, width))
    images = open_data(config, like=spec)
    return encode_images(images, for_images(autoencoder, images.spec, flip=flip), watch)[1]


def for_images(autoencoder: Autoencoder, images: DataSpec, *, flip: bool = False) -> FirstStage:
    """The autoencoder, for images of that size, as a first stage between `images` and codes without a scaling yet.
    Raises CompositionError."""
    if len(autoencoder.code_shape) != 3 or not images.is_image:
        return FirstStage(autoencoder, images)  # which says why not
    return FirstStage(resized(autoencoder, images.shape[1], images.shape[2]), images, flip=flip)


def image_shape(autoencoder: Autoencoder, config: DataConfig) -> tuple[int, ...]:
    """(C, H, W) of the source's images for the autoencoder: the config's own shape, or else the autoencoder's channels
    and the largest square that suits nearly all images. Raises like `choose_size`."""
    if config.shape is not None:
        return config.shape
    side = choose_size(autoencoder, config)
    return (autoencoder.data.shape[0], side, side)


def choose_size(autoencoder: Autoencoder, config: DataConfig) -> int:
    """The side of square images for the autoencoder, at most 256, which nearly all images of the source have: the
    largest that gives codes of a side of 4, 8, 16, ..., for which there are cheap networks, or else the largest
    multiple of the factor. Raises ConfigError if they are smaller than the factor."""
    if len(autoencoder.code_shape) != 3:
        return FirstStage(autoencoder).factor  # which says why not
    factor = autoencoder.data.shape[1] // autoencoder.code_shape[1]
    side = side_of(config)
    if side < factor:
        raise ConfigError(
            f"the images of {config.source} are {side} pixels wide or high, and the first stage needs {factor}",
            "Give --size (size=...) to enlarge them.",
        )
    places = min(side, _LARGEST_SIDE) // factor
    return factor * (places if places < 4 else 2 ** (places.bit_length() - 1))


def _autoencoder(source: str | Path) -> Autoencoder:
    model = load(source).autoencoder
    if model is None:
        raise ConfigError(f"{source} holds no autoencoder", "Choose another first stage: zoo list")
    return model


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
