"""Settings of the components: a class of diffusers and its settings. Imports neither torch nor diffusers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zoo.plugin import ConfigError, near

__all__ = ["CLASSES", "ModelConfig", "ReaderConfig"]

CLASSES = ("AutoencoderDC", "AutoencoderKL", "AutoencoderRAE", "AutoencoderTiny", "VQModel")
"""The classes of diffusers that are supported."""

_WIDTHS = {"AutoencoderDC": "encoder_block_out_channels", "AutoencoderTiny": "encoder_block_out_channels"}
_LARGEST_NUMBER = 65_536
_LONGEST_LIST = 4096
_MOST_LEVELS = 12
_MOST_LAYERS = 64


@dataclass(frozen=True)
class ReaderConfig:
    """The reader has no settings: the folder's config.json says everything."""


@dataclass(frozen=True)
class ModelConfig:
    """`class_name` is a class of diffusers, `settings` are the arguments that its config.json gives it, as plain data.

    Encoder, bottleneck and decoder of one autoencoder have the same settings. Raises ConfigError for another class, a
    value that is no plain data, a number over 65,536, over 12 levels, or over 64 layers a level.
    """

    class_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.class_name not in CLASSES:
            raise ConfigError(
                f"{self.class_name[:80]!r} is not an autoencoder of diffusers that is supported",
                near(self.class_name, CLASSES),
            )
        frozen = {key: _frozen(value) for key, value in self.settings.items() if value is not None}
        object.__setattr__(self, "settings", MappingProxyType(frozen))
        for key, value in frozen.items():
            self._check(key, value)

    @property
    def factor(self) -> int:
        """How many times smaller than an image's side a code's side is."""
        if self.class_name == "AutoencoderRAE":
            return self._number("patch_size")
        widths = self.settings.get(_WIDTHS.get(self.class_name, "block_out_channels"))
        if not isinstance(widths, tuple) or not widths:
            raise ConfigError(f"diffusers' {self.class_name}: the widths of its levels are missing")
        return int(2 ** (len(widths) - 1))

    @property
    def only_side(self) -> int | None:
        """The side of the square images of a transformer, which knows one size alone; None for any size."""
        if self.class_name != "AutoencoderRAE":
            return None
        places = self._number("encoder_input_size") // self._number("encoder_patch_size")
        return places * self._number("patch_size")

    @property
    def channels(self) -> set[int]:
        """Of the images that it reads and of those that it makes: one number, unless a config is wrong."""
        read = self._number("num_channels" if self.class_name == "AutoencoderRAE" else "in_channels")
        return {read, self.settings.get("out_channels", read)}

    @property
    def low(self) -> float:
        """The lowest value of the images that it reads; the highest is 1."""
        return 0.0 if self.class_name == "AutoencoderRAE" else -1.0

    @property
    def has_variance(self) -> bool:
        """Whether its codes have a log-variance."""
        return self.class_name == "AutoencoderKL"

    def _number(self, key: str) -> int:
        value = self.settings.get(key)
        if type(value) is not int or value < 1:
            raise ConfigError(f"diffusers' {self.class_name}: {key} {value!r} is not a whole number, 1 or more")
        return value

    def _check(self, key: str, value: Any) -> None:
        owner = f"diffusers' {self.class_name}: {key[:80]!r}"
        leaves = list(_leaves(value))
        for leaf in leaves:
            if not isinstance(leaf, (bool, int, float, str)) or (
                isinstance(leaf, (int, float)) and not (math.isfinite(leaf) and abs(leaf) <= _LARGEST_NUMBER)
            ):
                raise ConfigError(f"{owner} is not made of words and numbers up to {_LARGEST_NUMBER:,}")
        if isinstance(value, tuple) and len(value) > (_MOST_LEVELS if "block" in key else _LONGEST_LIST):
            raise ConfigError(f"{owner} has {len(value):,} values, which is too many")
        if ("layers" in key or (key.startswith("num_") and key.endswith("_blocks"))) and any(
            type(leaf) is not int or not 0 <= leaf <= _MOST_LAYERS for leaf in leaves
        ):
            raise ConfigError(f"{owner} is not whole numbers within 0 to {_MOST_LAYERS}")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
