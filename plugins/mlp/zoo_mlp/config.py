"""Settings of the dense networks. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from zoo.plugin import ConfigError, near

__all__ = ["Activation", "EncoderConfig", "GeneratorConfig", "Norm"]

Activation = Literal["relu", "leaky_relu", "tanh", "gelu", "silu"]
Norm = Literal["none", "batch", "layer", "spectral"]

# far above any use, and far below what would exhaust the memory of a machine that loads a stranger's manifest
_WIDEST = 65_536
_DEEPEST = 64


@dataclass(frozen=True)
class EncoderConfig:
    """Hidden layers of `widths`, at least one, each 1 to 65,536; the last one's output is the embedding. Raises
    ConfigError for a value out of range."""

    widths: tuple[int, ...] = (256, 256)
    activation: Activation = "leaky_relu"
    norm: Norm = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", _checked_widths(self.widths, "mlp encoder"))
        _check_layers("mlp encoder", self.activation, self.norm, self.dropout)
        if not self.widths:
            raise ConfigError(
                "mlp encoder: widths is empty, so there is no embedding",
                "Give one width or more, for example widths=[256].",
            )


@dataclass(frozen=True)
class GeneratorConfig:
    """Hidden layers of `widths` between the code and the output layer; with none, a single linear layer remains. Raises
    ConfigError for a value out of range."""

    widths: tuple[int, ...] = (256, 256)
    activation: Activation = "relu"
    norm: Norm = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", _checked_widths(self.widths, "mlp generator"))
        _check_layers("mlp generator", self.activation, self.norm, self.dropout)


def _checked_widths(widths: Any, owner: str) -> tuple[int, ...]:
    if not isinstance(widths, tuple | list):
        raise ConfigError(f"{owner}: widths is {widths!r}, not a list of whole numbers", "For example [256, 256].")
    if len(widths) > _DEEPEST:
        raise ConfigError(f"{owner}: {len(widths)} layers asked for, at most {_DEEPEST} are built")
    for width in widths:
        if type(width) is not int or not 1 <= width <= _WIDEST:
            raise ConfigError(f"{owner}: width {width!r} is not a whole number within 1 to {_WIDEST:,}")
    return tuple(widths)


def _check_layers(owner: str, activation: str, norm: str, dropout: float) -> None:
    choices = (("activation", activation, get_args(Activation)), ("norm", norm, get_args(Norm)))
    for key, value, known in choices:
        if value not in known:
            raise ConfigError(f"{owner}: {key} {value!r} is unknown", near(str(value), known))
    if type(dropout) not in (int, float) or not 0.0 <= dropout < 1.0:
        raise ConfigError(f"{owner}: dropout {dropout!r} is not within 0 and below 1")
