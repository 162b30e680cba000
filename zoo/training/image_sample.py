"""What a release needs of the images, kept in the run's folder when training starts, so that the images may be moved:

held_out.safetensors   a few held-out samples as stored, `pixels` (N, *shape), and their `labels` if the model takes
                       some: for test vectors and an autoencoder's picture
data.json              the set's name, license, credit, and the sha256 that the recipe has
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo._utils.files import sha256_of
from zoo._utils.strict_json import parse_json
from zoo._utils.tensors import pack, unpack
from zoo.config import from_plain
from zoo.data.images import ImageSet
from zoo.data.values import from_stored
from zoo.errors import IntegrityError
from zoo.training.recipe import Recipe
from zoo.training.run_dir import RunDirectory
from zoo.types import DataSpec

__all__ = ["FACTS", "PIXELS", "ImageSample", "keep_sample", "read_sample", "sample_of"]

PIXELS, FACTS = "held_out.safetensors", "data.json"
_OF_GAN, _OF_AUTOENCODER = 4, 32
_LARGEST = 1_000_000
_REMEDY = "Remove it: the run's images are opened instead."


@dataclass(frozen=True, eq=False, slots=True)
class ImageSample:
    """A few held-out samples of a set, `(N, *spec.shape)`, bytes or, of float data, float32; whose they are, and the
    classes `(N,)` or attributes `(N, k)` of each, if they have labels."""

    name: str
    license: str
    credit: str
    spec: DataSpec
    pixels: Tensor
    labels: Tensor | None = None

    def batch(self, count: int) -> Tensor:
        """The first `count` of them, or all, float32 in the value range."""
        return from_stored(self.pixels[:count], self.spec)

    def conditions(self, count: int) -> Tensor | None:
        """Those of the first `count` of them, or of all; None without labels."""
        return None if self.labels is None else self.labels[:count]


@dataclass(frozen=True)
class _Facts:
    name: str
    license: str
    credit: str
    sha256: str
    file: str = ""
    """The sha256 of the file of the samples; earlier versions kept none."""


def sample_of(images: ImageSet, recipe: Recipe) -> ImageSample:
    """As many held-out images as a release of the recipe's model needs."""
    count = _OF_GAN if recipe.autoencoder is None else _OF_AUTOENCODER
    rows = images.held_out[:count]
    return ImageSample(
        images.name, images.license, images.credit, images.spec, images.pixels[rows].cpu(), images.conditions(rows)
    )


def keep_sample(run_dir: RunDirectory, samples: ImageSet, recipe: Recipe) -> None:
    """Write a few of the samples into the run's folder. Raises StorageError."""
    sample = sample_of(samples, recipe)
    labels = {} if sample.labels is None else {"labels": sample.labels}
    data = pack({"pixels": sample.pixels, **labels}, {})
    facts = _Facts(sample.name, sample.license, sample.credit, recipe.data.sha256 or "", sha256_of(data))
    run_dir.keep(PIXELS, data)
    run_dir.keep(FACTS, json.dumps(asdict(facts)).encode())


def read_sample(folder: Path, recipe: Recipe) -> ImageSample | None:
    """The sample in a run's folder; None if there is none (runs of earlier versions) or it is of other images. Raises
    IntegrityError for files that are broken."""
    try:
        data = (folder / PIXELS).read_bytes()
        plain = parse_json((folder / FACTS).read_bytes(), str(folder / FACTS), largest=_LARGEST, error=IntegrityError)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IntegrityError(f"{error.filename} cannot be read: {error.strerror or error}") from None
    facts = from_plain(_Facts, plain, str(folder / FACTS), error=IntegrityError)
    spec = recipe.samples
    if facts.sha256 != recipe.data.sha256:
        return None
    if facts.file not in ("", sha256_of(data)):
        raise IntegrityError(f"{folder / PIXELS} is not what was written", _REMEDY)
    tensors = unpack(data, str(folder / PIXELS))
    pixels, labels = tensors.get("pixels"), tensors.get("labels")
    floats = spec.scaling is not None or spec.modality is not None
    stored = {torch.float16, torch.float32} if floats else {torch.uint8}
    if pixels is None or pixels.dtype not in stored or tuple(pixels.shape[1:]) != spec.shape:
        raise IntegrityError(f"{folder / PIXELS} holds no images", _REMEDY)
    if labels is not None and len(labels) != len(pixels):
        raise IntegrityError(f"{folder / PIXELS} holds {len(labels)} labels of {len(pixels)} images", _REMEDY)
    return ImageSample(facts.name, facts.license, facts.credit, spec, pixels, labels)
