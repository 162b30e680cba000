"""Convolutions that halve or double the side of a feature map, their normalisation and their initialisation.

Under batch norm, weights are initialised as in DCGAN, with standard deviation 0.02 (Radford et al. 2016, section 4).
Without it, and in an encoder's first convolution, that would shrink the signal two- to fourfold per layer. There they
are N(0, gain^2 / fan-in) (He et al. 2015, equation 10); the fan-in counts the values that one output value sums over.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo_dcgan.config import Norm, Upsampling
from zoo_dcgan.strided import StridedConv2d, StridedConvTranspose2d

__all__ = ["Doubling", "halving", "initialise", "norm_layer", "relu_gain"]


def halving(n_in: int, n_out: int, norm: Norm, gain: float, *, bias: bool) -> nn.Module:
    """(N, n_in, 2s, 2s) -> (N, n_out, s, s)."""
    conv = StridedConv2d(n_in, n_out, bias=bias)
    initialise(conv, n_in * 16, norm, gain)
    return spectral_norm(conv) if norm == "spectral" else conv


class Doubling(nn.Module):
    """(N, n_in, s, s) -> (N, n_out, 2s, 2s): a transposed convolution, or nearest-neighbour upsampling and a 3x3 one.

    A spectrally normalised layer is multiplied by `gain / reach`. One output value of a transposed convolution uses a
    quarter of the taps (`reach` 0.5 in amplitude), and the activation halves the second moment; without this factor the
    128 px images of a fresh generator would be uniformly grey.
    """

    def __init__(
        self, n_in: int, n_out: int, upsample: Upsampling, norm: Norm, gain: float, *, bias: bool = True
    ) -> None:
        super().__init__()
        if upsample == "transposed":
            # with 4x4 taps and stride 2 each output value sums over 2x2 of them
            self.repeat: nn.Module = nn.Identity()
            conv: nn.Conv2d | nn.ConvTranspose2d
            conv = StridedConvTranspose2d(n_in, n_out, bias=bias)
            fan_in, reach = n_in * 4, 0.5
        else:
            self.repeat = nn.Upsample(scale_factor=2, mode="nearest")
            conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias)
            fan_in, reach = n_in * 9, 1.0
        initialise(conv, fan_in, norm, gain)
        self.conv = spectral_norm(conv) if norm == "spectral" else conv
        self.scale = gain / reach if norm == "spectral" else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """x (N, n_in, s, s) -> (N, n_out, 2s, 2s)."""
        y: Tensor = self.conv(self.repeat(x))
        return y if self.scale == 1.0 else y * self.scale


def initialise(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, fan_in: int, norm: Norm, gain: float) -> None:
    """Draw the layer's weights and set its bias to 0."""
    nn.init.normal_(layer.weight, 0.0, 0.02 if norm == "batch" else gain / fan_in**0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def norm_layer(norm: Norm, width: int) -> nn.Module:
    """The layer that follows a convolution of `width` channels; a spectral norm is applied to its weights instead."""
    if norm == "batch":
        layer = nn.BatchNorm2d(width)
        nn.init.normal_(layer.weight, 1.0, 0.02)
        return layer
    if norm == "group":
        return nn.GroupNorm(_groups(width), width)
    return nn.Identity()


def relu_gain(slope: float) -> float:
    """The gain that keeps the second moment through a LeakyReLU of that slope (0: ReLU)."""
    return nn.init.calculate_gain("leaky_relu", slope)


def _groups(width: int) -> int:
    # at least four channels per group: instance norm, with one, would remove each channel's mean
    return max(n for n in range(1, 9) if width % n == 0 and (n == 1 or width // n >= 4))
