"""Autoencoder = encoder + bottleneck + decoder; the decoder is a generator.

An autoencoder whose codes are what other models learn is their first stage.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zoo.data.convert import convert_samples
from zoo.data.values import from_stored, unscaled
from zoo.errors import CompositionError
from zoo.networks.conditioning import condition_arguments, takes_condition
from zoo.networks.types import Bottleneck, Encoder, Generator, Posterior
from zoo.networks.utils import digest, evaluating
from zoo.types import Condition, DataSpec, Origin, PartSpec, Scaling, TrainedBy

__all__ = ["Autoencoder", "FirstStage", "OfImages"]


_MOST_AT_ONCE = 64
_PIXELS_AT_ONCE = 2**17


class OfImages:
    """What a GAN and an autoencoder share: they learn images, or the codes of images in a first stage."""

    first_stage: FirstStage | None = None

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        raise NotImplementedError

    @property
    def output(self) -> DataSpec:
        """What people look at: the samples, or the images that a first stage decodes them to."""
        return self.data if self.first_stage is None else self.first_stage.images

    def to_output(self, samples: Tensor) -> Tensor:
        """Samples (N, *data.shape) -> (N, *output.shape): decoded if there is a first stage."""
        return samples if self.first_stage is None else self.first_stage.decode(samples)

    def from_output(self, images: Tensor) -> Tensor:
        """Images (N, *output.shape) -> samples (N, *data.shape): encoded if there is a first stage."""
        return images if self.first_stage is None else self.first_stage.encode(images)


class Autoencoder(OfImages, nn.Module):
    """x -> code -> x. `specs` maps the roles encoder, bottleneck and decoder to the components that they were built
    from; `origin` is the release of the weights, if any, with its `license` (SPDX), and `trained_by` the run that
    trained them, if any. With a `first_stage`, x are codes of images in it. A decoder may take a `condition`, the class
    or attributes of each sample (Sohn, Lee, Yan 2015, "Learning structured output representation using deep conditional
    generative models"): then the code need not hold it, and decoding needs it."""

    def __init__(
        self,
        encoder: Encoder,
        bottleneck: Bottleneck,
        decoder: Generator,
        specs: Mapping[str, PartSpec],
        origin: Origin | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.specs = dict(specs)
        self.origin = origin
        self.trained_by: TrainedBy | None = None
        self.license = ""

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        return self.decoder.data

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code; flat codes have one axis."""
        return self.decoder.code_shape

    @property
    def code_size(self) -> int:
        """The number of values of a code."""
        return math.prod(self.code_shape)

    @property
    def condition(self) -> Condition | None:
        """The classes or attributes that the decoder takes; None if it takes none."""
        return self.data.condition if takes_condition(self.decoder) else None

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules by role."""
        return {"encoder": self.encoder, "bottleneck": self.bottleneck, "decoder": self.decoder}

    def posterior(self, x: Tensor) -> Posterior:
        """x (N, *data.shape) -> the distribution of its code; differentiable, in the current mode."""
        return self.bottleneck(self.encoder.features(x).embedding)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """x (N, *data.shape) -> its reconstruction through the mean code; differentiable. Needs the `condition` of each
        if the decoder takes one."""
        reconstruction: Tensor = self.decoder(self.posterior(x).mean, *condition_arguments(self.decoder, condition))
        return reconstruction

    @contextmanager
    def given(self, condition: Tensor | None) -> Iterator[None]:
        """While the block runs, `decoder(z)` takes codes of samples with this `condition`, (N,) or (N, attributes): an
        objective need not know of it. Changes nothing if the decoder takes none. Raises CompositionError if it takes
        one and there is none."""
        arguments = condition_arguments(self.decoder, condition)
        handle = self.decoder.register_forward_pre_hook(lambda _, codes: (*codes, *arguments))
        try:
            yield
        finally:
            handle.remove()

    @torch.no_grad()
    def encode(self, x: Tensor, chunk: int = 64) -> Tensor:
        """x (N, *data.shape) in the value range -> mean codes (N, *code_shape), in eval mode, on the CPU."""
        device = next(self.encoder.parameters()).device
        with evaluating(self):
            return torch.cat([self.posterior(batch.to(device)).mean.cpu() for batch in x.split(chunk)])

    @torch.no_grad()
    def decode(self, z: Tensor, chunk: int = 64, *, condition: Tensor | None = None) -> Tensor:
        """z (N, *code_shape) -> images (N, *data.shape) in the value range, in eval mode, on the CPU. Raises
        CompositionError if the decoder takes a `condition` of each and there is none."""
        device = next(self.decoder.parameters()).device
        arguments = condition_arguments(self.decoder, condition)
        batches = zip(*(tensor.split(chunk) for tensor in (z, *arguments)), strict=True)
        with evaluating(self):
            return torch.cat([self.decoder(*(tensor.to(device) for tensor in batch)).cpu() for batch in batches])

    def reconstruct(self, x: Tensor, chunk: int = 64, *, condition: Tensor | None = None) -> Tensor:
        """x (N, *data.shape) -> its reconstruction, in eval mode, on the CPU. Raises like `decode`."""
        return self.decode(self.encode(x, chunk), chunk, condition=condition)


class FirstStage:
    """A frozen autoencoder between images and the codes that other models learn, in eval mode.

    `images` are what it encodes and decodes to: as large as the autoencoder's samples, but maybe grey where those are
    in colour, or in another value range. `codes` are the samples of the models: of the kind `code`, (c, h, w),
    standardised with `scaling` (None before it was fitted: then a code is what the autoencoder gives). `flip` says that
    models also learn from a mirrored copy of each training image, encoded as an image of its own.
    Raises CompositionError for codes without a place and for images of another size.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        images: DataSpec | None = None,
        scaling: Scaling | None = None,
        *,
        flip: bool = False,
    ) -> None:
        images = autoencoder.data if images is None else images
        if len(autoencoder.code_shape) != 3:
            raise CompositionError(
                f"an autoencoder with flat codes of {autoencoder.code_size} values is no first stage",
                "A first stage has codes (c, h, w): see zoo list, zoo import.",
            )
        if takes_condition(autoencoder.decoder):
            raise CompositionError(
                "an autoencoder whose decoder takes a class is no first stage: its codes say less than the image",
                "Train one without classes: zoo train autoencoder, without --by-class.",
            )
        if not images.is_image or images.shape[1:] != autoencoder.data.shape[1:]:
            raise CompositionError(f"a first stage for {autoencoder.data} does not encode {images}")
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.images = images
        self.scaling = scaling
        self.flip = flip

    @property
    def codes(self) -> DataSpec:
        """The samples of the models that learn its codes."""
        shape, condition = self.autoencoder.code_shape, self.images.condition
        return DataSpec(shape, kind="code", bounded=False, scaling=self.scaling, condition=condition)

    @property
    def factor(self) -> int:
        """How many times smaller than an image's side a code's side is."""
        return self.images.shape[1] // self.autoencoder.code_shape[1]

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the autoencoder's weights."""
        return digest(self.autoencoder)

    def scaled(self, scaling: Scaling | None) -> FirstStage:
        """The same first stage with codes standardised so; None leaves them as the autoencoder gives them."""
        return self._like(self.images, scaling)

    def labelled(self, condition: Condition | None) -> FirstStage:
        """The same first stage for images of which `condition` is known."""
        return self._like(replace(self.images, condition=condition), self.scaling)

    def encode(self, images: Tensor) -> Tensor:
        """Images (N, *images.shape) -> codes (N, *codes.shape), float32, on the CPU: the mean of each code."""
        x = convert_samples(images, self.images, self.autoencoder.data)
        return from_stored(self.autoencoder.encode(x, self._chunk), self.codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (N, *codes.shape) -> images (N, *images.shape) in the value range, on the CPU."""
        x = self.autoencoder.decode(unscaled(codes, self.codes), self._chunk)
        return convert_samples(x, self.autoencoder.data, self.images).clamp(self.images.low, self.images.high)

    def decode_with_grad(self, codes: Tensor) -> Tensor:
        """Codes (N, *codes.shape) -> images (N, *images.shape), on the codes' device; differentiable, not clamped."""
        x = self.autoencoder.decoder(unscaled(codes, self.codes))
        return convert_samples(x, self.autoencoder.data, self.images)

    @property
    def _chunk(self) -> int:
        """How many images at once: so few that their feature maps stay in a processor's cache, or nearly."""
        return max(1, min(_MOST_AT_ONCE, _PIXELS_AT_ONCE // (self.images.shape[1] * self.images.shape[2])))

    def same_codes(self, other: FirstStage | None) -> bool:
        """Whether a code of one is a code of the other: equal weights, images and scaling."""
        if other is None or not self.codes.same_values(other.codes):
            return False
        return self.images.same_values(other.images) and self.sha256 == other.sha256

    def __deepcopy__(self, memo: dict[int, Any]) -> FirstStage:
        return self  # frozen: copies of a model share it

    def _like(self, images: DataSpec, scaling: Scaling | None) -> FirstStage:
        like = FirstStage(self.autoencoder, images, scaling, flip=self.flip)
        if "sha256" in self.__dict__:
            like.__dict__["sha256"] = self.sha256
        return like
