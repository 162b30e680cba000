"""The scale of codes: what diffusion pipelines do between an autoencoder and a diffusion model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from zoo.plugin import ConfigError
from zoo_diffusers.config import ModelConfig

__all__ = ["CodeScaling", "scaling_of"]


@dataclass(frozen=True)
class CodeScaling:
    """code = (raw - shift) * factor / std, per channel where `shift` and `std` have a value for each.

    The operations are those of the pipelines in their order, so that codes are equal in any dtype.
    """

    factor: float = 1.0
    shift: float | tuple[float, ...] = 0.0
    std: tuple[float, ...] | None = None

    def scale(self, raw: Tensor) -> Tensor:
        """Raw codes (N, c, h, w) -> codes of the same shape."""
        scaled = (raw - _like(self.shift, raw)) * self.factor
        return scaled if self.std is None else scaled / _like(self.std, raw)

    def unscale(self, code: Tensor) -> Tensor:
        """Codes (N, c, h, w) -> raw codes of the same shape."""
        wide = code if self.std is None else code * _like(self.std, code)
        return wide / self.factor + _like(self.shift, code)

    def scale_logvar(self, logvar: Tensor) -> Tensor:
        """The log-variance of raw codes (N, c, h, w) -> that of codes."""
        scaled = logvar + 2 * math.log(abs(self.factor))
        return scaled if self.std is None else scaled - 2 * logvar.new_tensor(self.std).log().view(-1, 1, 1)


def scaling_of(config: ModelConfig) -> CodeScaling:
    """The scaling that a config asks for, by `scaling_factor` with either `shift_factor` or `latents_mean` and
    `latents_std`. Raises ConfigError for any other combination, a factor of 0, or a std that is not positive."""
    if config.class_name == "AutoencoderRAE":  # scales its codes itself
        return CodeScaling()
    settings = config.settings
    owner = f"diffusers' {config.class_name}"
    factor, shift = settings.get("scaling_factor", 1.0), settings.get("shift_factor", 0.0)
    mean: Any = settings.get("latents_mean")
    std: Any = settings.get("latents_std")
    if not _is_number(factor) or not _is_number(shift) or factor == 0:
        raise ConfigError(
            f"{owner}: scaling_factor {factor!r} and shift_factor {shift!r} are not numbers, the first not 0"
        )
    if mean is None and std is None:
        return CodeScaling(float(factor), float(shift))
    channels = settings.get("latent_channels")
    if shift or not _are_numbers(mean, channels) or not _are_numbers(std, channels) or min(std) <= 0:
        raise ConfigError(
            f"{owner}: latents_mean and latents_std are not both given, with {channels} numbers each and the latter "
            "positive, without shift_factor"
        )
    return CodeScaling(float(factor), tuple(map(float, mean)), tuple(map(float, std)))


def _are_numbers(values: Any, count: object) -> bool:
    return isinstance(values, tuple) and len(values) == count and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _like(values: float | tuple[float, ...], codes: Tensor) -> float | Tensor:
    return codes.new_tensor(values).view(-1, 1, 1) if isinstance(values, tuple) else values
