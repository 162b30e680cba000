"""Fold spectral norms and batch norms, so that encoders can be mapped as nets of plain layers.

In eval mode a spectrally normalised layer equals a plain one with the weight W / sigma, and a layer with batch norm one
with the weight W g / s and the bias (b - m) g / s + h, where s = sqrt(v + eps), m and v are the running statistics, and
g and h the affine parameters. A target with a spectral norm gets the plain weight, its singular vectors, and its sigma
as a fixed gain.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.networks.spectral import effective, has_gain, leading_singular, normalised
from zoo.networks.types import Encoder

__all__ = [
    "TensorSource",
    "TensorTarget",
    "foldable_norms",
    "tensor_sources",
    "tensor_targets",
    "without_parametrizations",
]

State = Mapping[str, Tensor]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


class TensorSource(NamedTuple):
    """Computes a tensor of the plain net from the real net's state; `bridges` says what was folded."""

    bridges: tuple[str, ...]
    make: Callable[[State], Tensor]


class TensorTarget(NamedTuple):
    """A tensor of the real net that is computed from a tensor of the plain net."""

    tensor: str
    bridges: tuple[str, ...]
    make: Callable[[Tensor], Tensor]


def without_parametrizations(net: nn.Module, folded: Mapping[str, str]) -> nn.Module:
    """The plain net, on the meta device: without spectral norms, and without the batch norms in `folded`."""
    plain = copy.deepcopy(net).to("meta")
    for name, layer in normalised(plain).items():
        # not parametrize.remove_parametrizations: it deletes an attribute of the class, which copies share
        _replace(plain, name, _plain_layer(layer, layer.bias is not None))
    for norm, name in folded.items():
        _replace(plain, name, _plain_layer(plain.get_submodule(name), bias=True))
        _replace(plain, norm, nn.Identity())
    return plain


def _replace(net: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, module)


def _plain_layer(layer: nn.Module, bias: bool) -> nn.Module:
    """A layer of the same class and sizes with a plain weight, on the meta device."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, layer.out_features, bias, device="meta")
    kind = next(kind for kind in type(layer).__mro__ if kind.__module__ == nn.Conv2d.__module__)  # torch's own
    sizes = (layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    plain: nn.Module = kind(*sizes, layer.groups, bias, device="meta")
    return plain


def foldable_norms(net: nn.Module) -> dict[str, str]:
    """Every batch norm of an encoder with the layer that it directly follows; empty if any of them cannot be folded."""
    norms = [name for name, module in net.named_modules() if isinstance(module, _BatchNorm)]
    inputs = _norm_inputs(net)
    foldable = len(inputs) == len(norms) == len(set(inputs.values()))
    return inputs if foldable else {}


def tensor_sources(net: nn.Module, folded: Mapping[str, str]) -> dict[str, TensorSource]:
    """The plain net's tensors that differ from the real net's, with how to compute them."""
    sources: dict[str, TensorSource] = {}
    for name, layer in normalised(net).items():
        sources[f"{name}.weight"] = TensorSource(("spectral norm folded",), _effective(name, layer))
    for norm, name in folded.items():
        module, layer = net.get_submodule(norm), net.get_submodule(name)
        assert isinstance(module, _BatchNorm)
        before = sources.get(f"{name}.weight", TensorSource((), _unchanged(f"{name}.weight")))
        bridges = (*before.bridges, "batch norm folded")
        bias = f"{name}.bias" if layer.bias is not None else None
        sources[f"{name}.weight"] = TensorSource(bridges, _scaled(norm, module.eps, before.make))
        sources[f"{name}.bias"] = TensorSource(bridges, _shifted(norm, module.eps, bias))
    return sources


def tensor_targets(net: nn.Module, name: str) -> list[TensorTarget] | None:
    """The real net's tensors that the plain net's tensor `name` fills; None for a spectral norm without a gain, which
    would lose the weight's scale."""
    layer_name, _, key = name.rpartition(".")
    layer = normalised(net).get(layer_name)
    if layer is None or key != "weight":
        return [TensorTarget(name, (), lambda value: value)]
    if not has_gain(layer):
        return None
    prefix = f"{layer_name}.parametrizations.weight"
    bridges = ("spectral norm, gain kept",)
    return [
        TensorTarget(f"{prefix}.original", (), lambda value: value),
        TensorTarget(f"{prefix}.0._u", bridges, lambda value: leading_singular(layer, value)[0]),
        TensorTarget(f"{prefix}.0._v", bridges, lambda value: leading_singular(layer, value)[1]),
        TensorTarget(f"{prefix}.1.gain", bridges, lambda value: leading_singular(layer, value)[2]),
    ]


def _norm_inputs(net: nn.Module) -> dict[str, str]:
    """For each batch norm, the layer whose output is its input, observed in a pass on the meta device."""
    encoder = cast(Encoder, copy.deepcopy(net).to("meta").eval())
    outputs: list[tuple[Tensor, str]] = []
    layers: dict[str, str] = {}

    def observe(name: str, module: nn.Module) -> None:
        if isinstance(module, _LAYERS):
            module.register_forward_hook(lambda module, inputs, output: outputs.append((output, name)))
        elif isinstance(module, _BatchNorm):

            def find_layer(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                for output, layer in outputs:
                    if output is inputs[0]:
                        layers[name] = layer

            module.register_forward_pre_hook(find_layer)

    for name, module in encoder.named_modules():
        observe(name, module)
    encoder.features(torch.empty(2, *encoder.data.shape, device="meta"))
    return layers


def _unchanged(name: str) -> Callable[[State], Tensor]:
    return lambda state: state[name]


def _effective(name: str, layer: nn.Module) -> Callable[[State], Tensor]:
    prefix = f"{name}.parametrizations.weight"
    with_gain = has_gain(layer)

    def make(state: State) -> Tensor:
        weight, u, v = (state[f"{prefix}.{key}"] for key in ("original", "0._u", "0._v"))
        value = effective(layer, weight, u, v)
        return value * state[f"{prefix}.1.gain"] if with_gain else value

    return make


def _factor(state: State, norm: str, eps: float) -> Tensor:
    """g / s of a batch norm, in float64."""
    spread = (state[f"{norm}.running_var"].double() + eps).sqrt()
    return state[f"{norm}.weight"].double() / spread if f"{norm}.weight" in state else 1 / spread


def _scaled(norm: str, eps: float, before: Callable[[State], Tensor]) -> Callable[[State], Tensor]:
    def make(state: State) -> Tensor:
        weight = before(state)
        factor = _factor(state, norm, eps)
        return (weight.double() * factor.view(-1, *[1] * (weight.dim() - 1))).to(weight.dtype)

    return make


def _shifted(norm: str, eps: float, bias: str | None) -> Callable[[State], Tensor]:
    def make(state: State) -> Tensor:
        mean = state[f"{norm}.running_mean"]
        value = -mean.double() if bias is None else state[bias].double() - mean.double()
        value = value * _factor(state, norm, eps)
        return (value + state[f"{norm}.bias"].double() if f"{norm}.bias" in state else value).to(mean.dtype)

    return make
