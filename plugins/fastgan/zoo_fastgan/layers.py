"""The layers that FastGAN's networks share (Liu et al. 2021, "Towards faster and stabilized GAN training for
high-fidelity few-shot image synthesis", section 3 and appendix; every convolution is spectrally normalised, as in its
code)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo_fastgan.config import Norm

__all__ = ["SLOPE", "Excitation", "Noise", "conv", "doubling", "gated", "norm_layer"]

SLOPE = 0.2
_STD = 0.02


class Noise(nn.Module):
    """x + s e, e ~ N(0, 1) the same for all channels, s learnt and 0 at first; in eval mode x alone."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, c, h, w) -> the same shape."""
        if not self.training:
            return x
        return x + self.strength * torch.randn_like(x[:, :1])


class Excitation(nn.Module):
    """Skip-layer excitation (equation 1 and figure 3): a map of a few places gives each channel of a finer map a factor
    within 0 to 1."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), conv(coarse, fine, 4, padding=0), nn.SiLU(), conv(fine, fine, 1), nn.Sigmoid()
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(N, coarse, ...), (N, fine, h, w) -> (N, fine, h, w)."""
        factors: Tensor = self.gate(coarse)
        return fine * factors


def gated(n_in: int, n_out: int, norm: Norm, *, noise: bool = False) -> list[nn.Module]:
    """A 3x3 convolution, maybe noise, a norm and a gated linear unit: (N, n_in, h, w) -> (N, n_out, h, w)."""
    middle: list[nn.Module] = [Noise()] if noise else []
    return [conv(n_in, 2 * n_out, 3), *middle, norm_layer(norm, 2 * n_out), nn.GLU(dim=1)]


def doubling(n_in: int, n_out: int, norm: Norm, *, twice: bool = False) -> nn.Sequential:
    """(N, n_in, h, w) -> (N, n_out, 2h, 2w); with `twice`, two convolutions with noise."""
    layers = [nn.Upsample(scale_factor=2, mode="nearest"), *gated(n_in, n_out, norm, noise=twice)]
    return nn.Sequential(*layers, *(gated(n_out, n_out, norm, noise=True) if twice else ()))


def conv(n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int | None = None) -> nn.Module:
    """A spectrally normalised convolution without a bias; by default a stride of 1 keeps the side, 2 halves it."""
    padding = (kernel - 1) // 2 if padding is None else padding
    layer = nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False)
    nn.init.normal_(layer.weight, 0.0, _STD)
    return spectral_norm(layer)


def norm_layer(norm: Norm, width: int) -> nn.Module:
    """Batch norm, its gains from N(1, 0.02^2); or group norm, with at least four channels a group."""
    if norm == "batch":
        layer = nn.BatchNorm2d(width)
        nn.init.normal_(layer.weight, 1.0, _STD)
        return layer
    return nn.GroupNorm(max(n for n in range(1, 9) if width % n == 0 and (n == 1 or width // n >= 4)), width)
