"""Spectrally normalised layers (Miyato et al. 2018), and a fixed gain that gives them back the scale they had."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm

__all__ = ["Gain", "effective", "gained", "keep_gains", "leading", "normalised"]


class Gain(nn.Module):
    """W / sigma(W) -> gain W / sigma(W). The gain is a buffer: it does not learn, so the layer's norm stays bounded."""

    gain: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(()))

    def forward(self, weight: Tensor) -> Tensor:
        """Any shape -> the same."""
        return self.gain * weight


def normalised(net: nn.Module) -> dict[str, nn.Module]:
    """The layers under a spectral norm, by name."""
    return {name: part for name, part in net.named_modules() if _norm_of(part) is not None}


def gained(layer: nn.Module) -> bool:
    """Whether a spectrally normalised layer has a gain."""
    return any(isinstance(part, Gain) for part in _parametrizations(layer))


def keep_gains(net: nn.Module) -> None:
    """Give every spectrally normalised layer a gain, 1 at first."""
    for layer in normalised(net).values():
        weight: Tensor = layer.weight  # type: ignore[assignment]
        parametrize.register_parametrization(layer, "weight", Gain().to(weight.device))


@torch.no_grad()
def leading(layer: nn.Module, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first singular vectors u, v and value sigma of a weight, in the matrix form that the layer's norm uses."""
    norm = _norm_of(layer)
    assert norm is not None, "a spectrally normalised layer"
    matrix = norm._reshape_weight_to_matrix(weight.double())
    u = torch.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -1]
    along = matrix.T @ u
    sigma = along.norm().clamp(min=1e-12)
    return u.to(weight), (along / sigma).to(weight), sigma.to(weight)


def effective(layer: nn.Module, weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """What the layer's norm makes of `weight` in eval mode: W / (u^T W v)."""
    norm = _norm_of(layer)
    assert norm is not None, "a spectrally normalised layer"
    return weight / torch.dot(u, norm._reshape_weight_to_matrix(weight) @ v)


def _norm_of(part: nn.Module) -> _SpectralNorm | None:
    return next((norm for norm in _parametrizations(part) if isinstance(norm, _SpectralNorm)), None)


def _parametrizations(part: nn.Module) -> list[nn.Module]:
    if not parametrize.is_parametrized(part, "weight"):
        return []
    held = cast(nn.ModuleDict, part.parametrizations)
    return list(cast(nn.ModuleList, held["weight"]))
