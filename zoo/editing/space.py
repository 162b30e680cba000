"""The code space of a model: its encoder in front of it, its generator behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.conditioning import condition_arguments, conditions_of, takes_condition
from zoo.networks.gan import GAN
from zoo.types import DataSpec

__all__ = ["CodeSpace"]

_DRAWN = 4096


class CodeSpace:
    """What maps images to codes and codes to images: of a GAN its generator, with the encoder of the autoencoder that
    it came from, if that is there; of an autoencoder alone its decoder.

    `model` is a loaded release or a run (both have `.gan` and `.autoencoder`), a GAN or an Autoencoder. `generator` is
    in eval mode and frozen. Raises ConfigError for samples that are no images.
    """

    def __init__(self, model: Any) -> None:
        gan = model if isinstance(model, GAN) else getattr(model, "gan", None)
        autoencoder = model if isinstance(model, Autoencoder) else getattr(model, "autoencoder", None)
        owner = gan if gan is not None else autoencoder
        if owner is None:
            raise ConfigError(f"a {type(model).__name__} holds no GAN and no autoencoder", "Give zoo.load(...).")
        if not owner.output.is_image:
            raise ConfigError(f"{owner.output} cannot be edited", "Editing is for models of images.")
        self.gan: GAN | None = gan
        self.owner: GAN | Autoencoder = owner
        self.generator: nn.Module = owner.generator if isinstance(owner, GAN) else owner.decoder
        self.encoder = autoencoder if autoencoder is not None and _same_codes(autoencoder, owner) else None
        for net in (self.generator, self.encoder, gan):
            if net is not None:
                net.eval().requires_grad_(False)

    @property
    def name(self) -> str:
        """The name and version of the release, for people."""
        origin = self.owner.origin
        return "a model without a release" if origin is None else f"{origin.name} {origin.version}"

    @property
    def output(self) -> DataSpec:
        """The images."""
        return self.owner.output

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code."""
        return self.owner.code_shape

    @property
    def device(self) -> torch.device:
        """Where the generator is."""
        return next(self.generator.parameters()).device

    def with_generator(self, generator: nn.Module) -> CodeSpace:
        """The same code space with another generator of the same codes."""
        other = CodeSpace.__new__(CodeSpace)
        other.__dict__.update(self.__dict__)
        other.generator = generator
        return other

    def require_images(self, images: Tensor) -> None:
        """Raise ConfigError unless these are images (N, *output.shape), one or more, finite."""
        if images.dim() != 4 or tuple(images.shape[1:]) != self.output.shape or not len(images):
            raise ConfigError(
                f"images of shape {list(images.shape)} are not (N, {', '.join(map(str, self.output.shape))})",
                "Open them with zoo.open_images(..., like=gan.output).",
            )
        if not torch.isfinite(images).all():
            raise ConfigError("images hold values that are not finite")

    def encode(self, images: Tensor) -> Tensor:
        """Images (N, *output.shape) -> codes (N, *code_shape) by the encoder, on the CPU. Raises ConfigError without
        one."""
        if self.encoder is None:
            raise ConfigError(
                "this GAN has no encoder of its codes",
                "Start from the mean code: --start mean (in Python start='mean'), with 100 steps or more.",
            )
        return self.encoder.encode(self.owner.from_output(images))

    def samples(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """Codes (N, *code_shape) -> samples (N, *data.shape); differentiable."""
        out: Tensor = self.generator(codes, *condition_arguments(self.generator, condition))
        return out

    def to_images(self, samples: Tensor) -> Tensor:
        """Samples -> images (N, *output.shape), decoded if there is a first stage; differentiable, not clamped."""
        stage = self.owner.first_stage
        return samples if stage is None else stage.decode_with_grad(samples)

    @torch.no_grad()
    def images(self, codes: Tensor, condition: Tensor | None = None, chunk: int = 64) -> Tensor:
        """Codes (N, *code_shape) -> images (N, *output.shape) in the value range, on the CPU."""
        conditions = (None,) * len(codes) if condition is None else condition.split(chunk)
        out = [
            self.to_images(self.samples(part.to(self.device), None if at is None else at.to(self.device))).cpu()
            for part, at in zip(codes.split(chunk), conditions, strict=False)
        ]
        return torch.cat(out).clamp(self.output.low, self.output.high)

    @property
    def stages(self) -> Callable[[Tensor], Sequence[Tensor]] | None:
        """The network whose feature stages of samples are compared: the encoder, else a discriminator that takes no
        condition; None if there is neither."""
        encoder = self.encoder
        if encoder is not None:
            return lambda samples: encoder.encoder.features(samples).stages
        if self.gan is None or takes_condition(self.gan.discriminator):
            return None
        discriminator = self.gan.discriminator
        return lambda samples: discriminator.discriminate(samples).stages

    def condition(self, classes: str | Sequence[str] | Tensor | None, n: int) -> Tensor | None:
        """The condition of n images; None if the generator takes none. Raises ConfigError if it takes one and `classes`
        is None, and for unknown classes."""
        if not takes_condition(self.generator):
            return None
        if classes is None:
            raise ConfigError("this model takes a class of each image", "Say which: --class NAME.")
        return conditions_of(self.owner.condition, classes, n)

    def drawn(self, seed: int = 0, n: int = _DRAWN) -> Tensor:
        """n codes from the GAN's prior, of classes in the training images' shares. Raises ConfigError without a GAN."""
        if self.gan is None:
            raise ConfigError("this release holds no GAN, so there is no prior to draw codes from", "Give images.")
        return self.gan.draw(n, seed, self.gan.conditions(n, seed))

    def random_codes(self, n: int, rng: torch.Generator, like: Tensor) -> Tensor:
        """n codes from the GAN's prior; without a GAN normal ones as large as the codes `like`."""
        if self.gan is None:
            return torch.randn(n, *self.code_shape, generator=rng) * self.scale(like)
        return self.drawn(int(torch.randint(2**31, (), generator=rng)), n)

    def scale(self, codes: Tensor) -> float:
        """The standard deviation of the values of codes: of the prior's; without a GAN, the size of the values of
        `codes`."""
        if self.gan is None:
            return float(codes.square().mean().sqrt())
        drawn = self.drawn()
        return float((drawn - drawn.mean(0)).square().mean().sqrt())

    def mean_code(self) -> Tensor:
        """The prior's mean (*code_shape). Raises ConfigError without a GAN."""
        return self.drawn().mean(0)


def _same_codes(autoencoder: Autoencoder, owner: GAN | Autoencoder) -> bool:
    """Whether the encoder takes the samples of the owner and gives codes of its shape."""
    return autoencoder.code_shape == owner.code_shape and autoencoder.data.same_values(owner.data)
