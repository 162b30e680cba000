"""The releases that the API serves, and what it computes with them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import (
    ConfigError,
    DataError,
    decode_image as decode,
    direction_named,
    from_uint8,
    grid,
    invert,
    load,
    png_bytes,
    release_directions,
    to_uint8,
)
from zoo_serve.api.schemas import MOST_ITEMS, DirectionSet, EditRequest, Inverted, InvertRequest, ModelFacts

__all__ = ["ServedModel"]


class ServedModel:
    """A release. Images come and go as base64 of a file, codes as lists of numbers. Raises ConfigError for a release
    that makes no images, and what loading raises."""

    def __init__(self, name: str) -> None:
        self.release = load(name)
        self.manifest = self.release.manifest
        self.name = self.manifest.name
        self._directions = release_directions(self.release)
        if not self.manifest.output.is_image:
            raise ConfigError(f"{name} makes no images, and the API serves images", "zoo list shows what others make.")

    @property
    def facts(self) -> ModelFacts:
        """What it is."""
        gan = self.release.gan
        condition = gan.condition if gan is not None else None
        return ModelFacts(
            name=self.name,
            version=self.manifest.version,
            holds=list(self.manifest.holds),
            image_shape=list(self.manifest.output.shape),
            code_shape=list(self.manifest.code_shape),
            classes=list(condition.classes) if condition is not None else [],
            license=self.manifest.license,
        )

    def sample(self, n: int, seed: int, classes: Any, truncation: float) -> list[str]:
        """n samples of the GAN, those of `zoo sample` with that seed. Raises ConfigError without a GAN, or for an
        unknown class."""
        if self.release.gan is None:
            raise ConfigError(f"{self.name} holds no GAN")
        return self._files(self.release.gan.sample(n, seed, classes=classes, truncation=truncation))

    def encode(self, images: Sequence[str]) -> list[list[float]]:
        """The mean code of each image. Raises ConfigError without an autoencoder, DataError for what is no image."""
        autoencoder = self._autoencoder()
        codes: Tensor = autoencoder.encode(autoencoder.from_output(self._batch(images)))
        return [[float(value) for value in code] for code in codes.flatten(1).tolist()]

    def decode(self, codes: Sequence[Sequence[float]]) -> list[str]:
        """The image of each code: by the generator, or of an autoencoder alone by its decoder. Raises DataError for
        codes of another size."""
        size = torch.Size(self.manifest.code_shape).numel()
        wrong = next((code for code in codes if len(code) != size), None)
        if wrong is not None:
            raise DataError(f"a code has {len(wrong):,} values, and {self.name} takes {size:,}")
        z = torch.tensor(codes).reshape(-1, *self.manifest.code_shape)
        gan = self.release.gan
        if gan is not None and gan.condition is None:
            return self._files(gan.to_output(gan.generate(z)))
        autoencoder = self._autoencoder()
        return self._files(autoencoder.to_output(autoencoder.decode(z)))

    def reconstruct(self, images: Sequence[str]) -> list[str]:
        """Each image as the autoencoder gives it back. Raises like `encode`."""
        autoencoder = self._autoencoder()
        x = autoencoder.from_output(self._batch(images))
        return self._files(autoencoder.to_output(autoencoder.reconstruct(x)))

    @property
    def directions(self) -> list[DirectionSet]:
        """The directions that the release brings along."""
        return [DirectionSet(method=one.method, names=list(one.names)) for one in self._directions]

    def invert(self, asked: InvertRequest) -> Inverted:
        """The codes of images. Raises what `zoo.invert` raises, DataError for what is no image."""
        result = self._inverted(asked)
        codes = [[float(value) for value in code] for code in result.codes.flatten(1).tolist()]
        return Inverted(codes=codes, images=self._files(result.images), psnr=_rounded(result.psnr))

    def edit(self, asked: EditRequest) -> tuple[list[list[str]], list[float]]:
        """The images of each image's code, moved by each strength, and the PSNR of each. Raises like `invert`,
        ConfigError for an unknown direction and too many images."""
        if len(asked.images) * len(asked.strengths) > MOST_ITEMS:
            raise ConfigError(
                f"{len(asked.images)} images at {len(asked.strengths)} strengths are too many",
                f"At most {MOST_ITEMS} images come back.",
            )
        directions = direction_named(self._directions, asked.direction)
        result = self._inverted(asked)
        edited = result.edited(directions.moves(asked.direction, result.codes), asked.strengths)
        return [self._files(one) for one in edited], _rounded(result.psnr)

    def _inverted(self, asked: InvertRequest) -> Any:
        x = self._batch(asked.images)
        return invert(self.release, x, steps=asked.steps, start=asked.start, classes=asked.classes)

    def _autoencoder(self) -> Any:
        if self.release.autoencoder is None:
            raise ConfigError(f"{self.name} holds no autoencoder")
        return self.release.autoencoder

    def _batch(self, images: Sequence[str]) -> Tensor:
        pixels = [self._pixels(number, text) for number, text in enumerate(images, 1)]
        return from_uint8(torch.stack(pixels), self.manifest.output)

    def _pixels(self, number: int, text: str) -> Tensor:
        try:
            return torch.from_numpy(decode(base64.b64decode(text, validate=True), self.manifest.output))
        except (binascii.Error, OSError, ValueError, SyntaxError) as error:  # what Pillow raises for odd files
            raise DataError(f"image {number} cannot be read: {str(error).splitlines()[0][:200]}") from None

    def _files(self, samples: Tensor) -> list[str]:
        pixels = to_uint8(samples, self.manifest.output)
        return [base64.b64encode(png_bytes(grid(one[None], 1, scale=1, gap=0))).decode() for one in pixels]


def _rounded(psnr: Tensor) -> list[float]:
    return [round(value, 3) for value in psnr.tolist()]
