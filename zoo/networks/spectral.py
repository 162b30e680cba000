"""Spectrally normalised layers (Miyato et al. 2018), and a fixed gain that restores a weight's original scale."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm

__all__ = ["Gain", "effective", "has_gain", "keep_gains", "leading_singular", "normalised"]


class Gain(nn.Module):
    """W / sigma(W) -> gain W / sigma(W). The gain is a buffer and not trained, so the layer's norm stays bounded."""

    gain: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(()))

    def forward(self, weight: Tensor) -> Tensor:
        """Any shape -> the same."""
        return self.gain * weight


def normalised(net: nn.Module) -> dict[str, nn.Module]:
    """The spectrally normalised layers, by name."""
    return {name: module for name, module in net.named_modules() if _norm_of(module) is not None}


def has_gain(layer: nn.Module) -> bool:
    """Whether a spectrally normalised layer has a gain."""
    return any(isinstance(module, Gain) for module in _parametrizations(layer))


def keep_gains(net: nn.Module) -> None:
    """Give every spectrally normalised layer a gain of 1, which a transfer can set."""
    for layer in normalised(net).values():
        device = cast(Tensor, layer.weight).device
        parametrize.register_parametrization(layer, "weight", Gain().to(device))


@torch.no_grad()
def leading_singular(layer: nn.Module, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The leading singular vectors u, v and the singular value sigma of a weight, reshaped as the layer's norm does."""
    norm = _norm_of(layer)
    assert norm is not None, "a spectrally normalised layer"
    matrix = norm._reshape_weight_to_matrix(weight.double())
    u = torch.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -1]
    v = matrix.T @ u
    sigma = v.norm().clamp(min=1e-12)
    return u.to(weight), (v / sigma).to(weight), sigma.to(weight)


def effective(layer: nn.Module, weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The weight that the layer uses in eval mode: W / (u^T W v)."""
    norm = _norm_of(layer)
    assert norm is not None, "a spectrally normalised layer"
    return weight / torch.dot(u, norm._reshape_weight_to_matrix(weight) @ v)


def _norm_of(layer: nn.Module) -> _SpectralNorm | None:
    return next((norm for norm in _parametrizations(layer) if isinstance(norm, _SpectralNorm)), None)


def _parametrizations(layer: nn.Module) -> list[nn.Module]:
    if not parametrize.is_parametrized(layer, "weight"):
        return []
    return list(cast(nn.ModuleList, cast(nn.ModuleDict, layer.parametrizations)["weight"]))
