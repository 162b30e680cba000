"""Encoders read and filled as the plain layers that they compute: spectral norms and batch norms folded.

In eval mode a spectrally normalised layer is one with the weight W / sigma, and a layer under batch norm is one with
the weight W g / s and the bias (b - m) g / s + h, s = sqrt(v + eps) (m, v the running statistics, g, h the affine). A
discriminator's own spectral norm is filled with the plain weight, its singular vectors and its sigma as a fixed gain.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.networks.spectral import effective, gained, leading, normalised
from zoo.networks.types import Encoder

__all__ = [
    "TensorSource",
    "TensorTarget",
    "tensor_sources",
    "tensor_targets",
    "without_norms",
    "without_parametrizations",
]

State = Mapping[str, Tensor]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


class TensorSource(NamedTuple):
    """How a tensor of the plain net is made of the real one's state; `bridges` names what was folded."""

    bridges: tuple[str, ...]
    make: Callable[[State], Tensor]


class TensorTarget(NamedTuple):
    """Where a tensor of the plain net goes in the real one: the name there and what becomes of the value."""

    tensor: str
    bridges: tuple[str, ...]
    make: Callable[[Tensor], Tensor]


def without_parametrizations(net: nn.Module, folded: Mapping[str, str]) -> nn.Module:
    """The net on the meta device with plain weights, and without the batch norms that `folded` names."""
    shadow = copy.deepcopy(net).to("meta")
    for name, layer in normalised(shadow).items():
        # not parametrize.remove_parametrizations: it takes the weight from the class, which copies share
        _replace(shadow, name, _bare(layer, layer.bias is not None))
    for norm, name in folded.items():
        _replace(shadow, name, _bare(shadow.get_submodule(name), bias=True))
        _replace(shadow, norm, nn.Identity())
    return shadow


def _replace(net: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, part)


def _bare(layer: nn.Module, bias: bool) -> nn.Module:
    """A layer of the same kind and sizes with a plain weight, on the meta device."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, layer.out_features, bias, device="meta")
    kind = next(kind for kind in type(layer).__mro__ if kind.__module__ == nn.Conv2d.__module__)  # torch's own
    sizes = (layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    made: nn.Module = kind(*sizes, layer.groups, bias, device="meta")
    return made


def without_norms(net: nn.Module) -> dict[str, str]:
    """Every batch norm of an encoder, and the layer whose output it takes as it is; none where one takes another's."""
    norms = [name for name, part in net.named_modules() if isinstance(part, _BatchNorm)]
    found = _followed(net)
    foldable = len(found) == len(norms) == len(set(found.values()))
    return found if foldable else {}


def tensor_sources(net: nn.Module, folded: Mapping[str, str]) -> dict[str, TensorSource]:
    """How the tensors of the plain net that are not simply those of the real one are made."""
    found: dict[str, TensorSource] = {}
    for name, layer in normalised(net).items():
        found[f"{name}.weight"] = TensorSource(("spectral norm folded",), _effective(name, layer))
    for norm, name in folded.items():
        part, layer = net.get_submodule(norm), net.get_submodule(name)
        assert isinstance(part, _BatchNorm)
        before = found.get(f"{name}.weight", TensorSource((), _plainly(f"{name}.weight")))
        bridges = (*before.bridges, "batch norm folded")
        has_bias = layer.bias is not None
        found[f"{name}.weight"] = TensorSource(bridges, _scaled(norm, part.eps, before.make))
        found[f"{name}.bias"] = TensorSource(bridges, _shifted(norm, part.eps, f"{name}.bias" if has_bias else None))
    return found


def tensor_targets(net: nn.Module, name: str) -> list[TensorTarget] | None:
    """Where the plain net's tensor `name` goes; None where the spectral norm there has no gain to keep its scale."""
    layer_name, _, key = name.rpartition(".")
    layer = normalised(net).get(layer_name)
    if layer is None or key != "weight":
        return [TensorTarget(name, (), lambda value: value)]
    if not gained(layer):
        return None
    inside = f"{layer_name}.parametrizations.weight"
    kept = ("spectral norm, gain kept",)
    return [
        TensorTarget(f"{inside}.original", (), lambda value: value),
        TensorTarget(f"{inside}.0._u", kept, lambda value: leading(layer, value)[0]),
        TensorTarget(f"{inside}.0._v", kept, lambda value: leading(layer, value)[1]),
        TensorTarget(f"{inside}.1.gain", kept, lambda value: leading(layer, value)[2]),
    ]


def _followed(net: nn.Module) -> dict[str, str]:
    """Batch norm -> the layer whose very output it gets, seen by running the net on the meta device."""
    shadow = copy.deepcopy(net).to("meta").eval()
    made: list[tuple[Tensor, str]] = []
    found: dict[str, str] = {}

    def watch(name: str, part: nn.Module) -> None:
        if isinstance(part, _LAYERS):
            part.register_forward_hook(lambda module, inputs, output: made.append((output, name)))
        elif isinstance(part, _BatchNorm):

            def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                for output, layer in made:
                    if output is inputs[0]:
                        found[name] = layer

            part.register_forward_pre_hook(look)

    for name, part in shadow.named_modules():
        watch(name, part)
    data = cast(Encoder, net).data
    cast(Encoder, shadow).features(torch.empty(2, *data.shape, device="meta"))
    return found


def _plainly(name: str) -> Callable[[State], Tensor]:
    return lambda state: state[name]


def _effective(name: str, layer: nn.Module) -> Callable[[State], Tensor]:
    inside = f"{name}.parametrizations.weight"
    has_gain = gained(layer)

    def make(state: State) -> Tensor:
        weight, u, v = (state[f"{inside}.{key}"] for key in ("original", "0._u", "0._v"))
        value = effective(layer, weight, u, v)
        return value * state[f"{inside}.1.gain"] if has_gain else value

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
