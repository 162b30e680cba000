"""One dense layer: linear map, normalisation, activation, dropout."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo_mlp.config import Activation, EncoderConfig, GeneratorConfig, Norm

__all__ = ["SLOPE", "dense", "linear"]

SLOPE = 0.2
"""The slope of `leaky_relu` below zero, as in DCGAN's discriminator."""


def dense(n_in: int, n_out: int, config: EncoderConfig | GeneratorConfig, *, bias: bool = False) -> list[nn.Module]:
    """(N, n_in) -> (N, n_out), as a list of modules to run in order; the first one is the `nn.Linear`.

    A layer before batch norm, which would subtract a bias again, has none unless `bias` asks for it.
    """
    layer = linear(n_in, n_out, _gain(config.activation), bias=bias or config.norm != "batch")
    layers = [spectral_norm(layer) if config.norm == "spectral" else layer]
    layers += _norm(config.norm, n_out)
    layers.append(_activation(config.activation))
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    return layers


def linear(n_in: int, n_out: int, gain: float, *, bias: bool = True) -> nn.Linear:
    """A linear layer with weights N(0, gain^2 / n_in) and zero bias (He et al. 2015, equation 10)."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.normal_(layer.weight, 0.0, gain / n_in**0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _gain(activation: Activation) -> float:
    if activation == "leaky_relu":
        return nn.init.calculate_gain("leaky_relu", SLOPE)
    # GELU and SiLU reduce the second moment about as much as ReLU
    return nn.init.calculate_gain("tanh" if activation == "tanh" else "relu")


def _norm(norm: Norm, width: int) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm1d(width)]
    if norm == "layer":
        return [nn.LayerNorm(width)]
    return []


def _activation(name: Activation) -> nn.Module:
    # not in place: a stage or a hook may still use the input
    match name:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(SLOPE)
        case "tanh":
            return nn.Tanh()
        case "gelu":
            return nn.GELU()
        case "silu":
            return nn.SiLU()
