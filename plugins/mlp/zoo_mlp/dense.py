"""One dense layer: linear map, normalisation, activation, dropout."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo_mlp.config import Activation, EncoderConfig, GeneratorConfig, Norm

__all__ = ["SLOPE", "dense", "linear"]

SLOPE = 0.2
"""Of `leaky_relu` below zero, as in DCGAN's discriminator."""


def dense(n_in: int, n_out: int, config: EncoderConfig | GeneratorConfig, *, bias: bool = False) -> list[nn.Module]:
    """(N, n_in) -> (N, n_out), as the modules to run one after another; the first one is the `nn.Linear`.

    A batch-normalised layer has no bias of its own (the normalisation subtracts it again) unless `bias`
    asks for it.
    """
    entry = linear(n_in, n_out, _gain(config.activation), bias=bias or config.norm != "batch")
    layers = [spectral_norm(entry) if config.norm == "spectral" else entry]
    layers += _norm(config.norm, n_out)
    layers.append(_activation(config.activation))
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    return layers


def linear(n_in: int, n_out: int, gain: float, *, bias: bool = True) -> nn.Linear:
    """An affine map with weights N(0, gain^2 / n_in) and zero bias (He et al. 2015, equation 10)."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.normal_(layer.weight, 0.0, gain / n_in**0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _gain(activation: Activation) -> float:
    if activation == "leaky_relu":
        return nn.init.calculate_gain("leaky_relu", SLOPE)
    # GELU and SiLU halve the second moment about as ReLU does.
    return nn.init.calculate_gain("tanh" if activation == "tanh" else "relu")


def _norm(norm: Norm, width: int) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm1d(width)]
    if norm == "layer":
        return [nn.LayerNorm(width)]
    return []


def _activation(name: Activation) -> nn.Module:
    # Never in place: a stage or a hook may still hold the value before.
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
