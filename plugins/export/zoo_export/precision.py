"""Networks of fewer bits. Inputs and outputs stay float32, so that a graph is used the same way at every precision."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from zoo_export.choices import Precision

__all__ = ["lowered", "lowered_prior"]


def lowered(network: nn.Module, precision: Precision) -> nn.Module:
    """A copy of a network at a precision: fp16 computes in float16; int8 stores weights in 8 bits and computes in
    float32. Parametrisations, such as spectral norms, become plain weights."""
    network = _plain(network)
    if precision == "fp16":
        return _InHalf(network.half())
    return _stored(network, _Int8) if precision == "int8" else network


def lowered_prior(prior: nn.Module, precision: Precision) -> nn.Module:
    """A copy of a prior, which computes in float32 at every precision: in float16 the shares of a mixture would not add
    up. fp16 and int8 store its matrices so."""
    prior = _plain(prior)
    if precision == "fp32":
        return prior
    return _stored(prior, _Half if precision == "fp16" else _Int8)


def _plain(network: nn.Module) -> nn.Module:
    """A copy in eval mode without parametrisations. `remove_parametrizations` would change the original too, with
    whose layers a copy's share their class."""
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        if not parametrize.is_parametrized(module):
            continue
        weights = {
            name: getattr(module, name).detach().clone() for name in cast(nn.ModuleDict, module.parametrizations)
        }
        del module.parametrizations
        module.__class__ = parametrize.type_before_parametrizations(module)
        for name, weight in weights.items():
            module.register_parameter(name, nn.Parameter(weight))
    return network.requires_grad_(False)


def _stored(network: nn.Module, how: type[nn.Module]) -> nn.Module:
    """The network with its matrices and kernels, all float tensors of two axes or more, stored as `how` says."""
    for module in list(network.modules()):
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if tensor.dim() > 1 and tensor.is_floating_point():
                parametrize.register_parametrization(module, name, how())
    return network.requires_grad_(False)


class _InHalf(nn.Module):
    """A network of float16 between float32 tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """float32 -> float32; whole numbers stay."""
        halves = (x.half() if x.is_floating_point() else x for x in inputs)
        return self.network(*halves).float()


class _Half(nn.Module):
    """A tensor stored as float16."""

    def forward(self, stored: Tensor) -> Tensor:
        """float16 -> float32."""
        return stored.float()

    def right_inverse(self, tensor: Tensor) -> tuple[Tensor]:
        """float32 -> float16; as a tuple, which may have another type than the tensor."""
        return (tensor.half(),)


class _Int8(nn.Module):
    """A tensor stored as int8 with one float32 scale for each row of the first axis: symmetric, rounded to the nearest
    (Jacob et al. 2018, "Quantization and training of neural networks", section 2.1, with the zero point 0)."""

    def forward(self, stored: Tensor, scale: Tensor) -> Tensor:
        """int8 and scales -> float32."""
        return stored.float() * scale

    def right_inverse(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        """float32 -> int8 in -127 to 127, and scales."""
        scale = tensor.abs().amax(dim=tuple(range(1, tensor.dim())), keepdim=True) / 127
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return (tensor / scale).round().to(torch.int8), scale
