"""4x4 convolutions of stride 2, to half and to double the side, quick on a CPU at both ends of a net.

torch's CPU kernels are slow at two shapes, where the same sums are taken in another order.

- To images: a transposed convolution to 1, 3 or 4 channels, and the gradient by such an image, reach a sixth of the
  usual speed. Both are the same map, `_Grow`. Here it is a 2x2 convolution to four times the channels, whose result is
  spread over 2x2 pixels (the sub-pixel form of Shi et al. 2016, section 2.2).
- To 4x4 maps: a convolution, and the gradient of a transposed one by its input, take a fifth to a half longer than with
  channels last, both conversions counted (`_to_small`). To larger maps they do not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pixel_shuffle
from torch.nn.grad import conv2d_weight

__all__ = ["StridedConv2d", "StridedConvTranspose2d"]

_FEW = 4
"""An image has so many channels at most."""

_SMALL = 4
"""A small map has so many rows and columns at most."""


class StridedConv2d(nn.Conv2d):
    """(N, n_in, 2s, 2s) -> (N, n_out, s, s). Weights and result are nn.Conv2d's, the latter up to rounding."""

    equivalent_to = nn.Conv2d

    def __init__(self, n_in: int, n_out: int, *, bias: bool = True) -> None:
        super().__init__(n_in, n_out, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, n_in, 2s, 2s) -> (N, n_out, s, s)."""
        if not _eager_on_cpu(x):
            return super().forward(x)
        if self.in_channels <= _FEW and x.requires_grad:
            y: Tensor = _Shrink.apply(x, self.weight)
            return y if self.bias is None else y + self.bias[:, None, None]
        if x.shape[-1] <= 2 * _SMALL and x.is_contiguous():
            return _ToSmall.apply(x, self.weight, self.bias)
        return super().forward(x)


class StridedConvTranspose2d(nn.ConvTranspose2d):
    """(N, n_in, s, s) -> (N, n_out, 2s, 2s). Weights and result are nn.ConvTranspose2d's, the latter up to rounding."""

    equivalent_to = nn.ConvTranspose2d

    def __init__(self, n_in: int, n_out: int, *, bias: bool = True) -> None:
        super().__init__(n_in, n_out, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """x (N, n_in, s, s) -> (N, n_out, 2s, 2s); `output_size` as torch's."""
        if output_size is not None or not _eager_on_cpu(x):
            return super().forward(x, output_size)
        if self.out_channels <= _FEW:
            y: Tensor = _Grow.apply(x, self.weight)
            return y if self.bias is None else y + self.bias[:, None, None]
        if x.shape[-1] <= _SMALL and x.is_contiguous():
            return _FromSmall.apply(x, self.weight, self.bias)
        return super().forward(x)


def _eager_on_cpu(x: Tensor) -> bool:
    if x.device.type != "cpu" or x.dim() != 4:
        return False
    return not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


# Three maps, each linear in both of its arguments, and the gradients of each are the other two: an image
# (N, few, 2s, 2s), a map (N, many, s, s) and taps (many, few, 4, 4). So derivatives of any order exist.


class _Shrink(torch.autograd.Function):
    """An image and taps -> a map."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(image, taps)
        return conv2d(image, taps, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, taps = ctx.saved_tensors
        by_image, by_taps = ctx.needs_input_grad
        return _Grow.apply(slope, taps) if by_image else None, _Taps.apply(image, slope) if by_taps else None


class _Grow(torch.autograd.Function):
    """A map and taps -> an image."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(small, taps)
        many, few = taps.shape[:2]
        # taps (row, column) = (2a + i, 2b + j) add to pixel (i, j) of the 2x2 pixels that block (a, b) away makes
        blocks = taps.view(many, few, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(many, few * 4, 2, 2)
        return pixel_shuffle(conv_transpose2d(small, blocks), 2)[:, :, 1:-1, 1:-1].contiguous()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        small, taps = ctx.saved_tensors
        by_small, by_taps = ctx.needs_input_grad
        return _Shrink.apply(slope, taps) if by_small else None, _Taps.apply(slope, small) if by_taps else None


class _Taps(torch.autograd.Function):
    """An image and a map -> taps."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(image, small)
        shape = (small.shape[1], image.shape[1], 4, 4)
        taps: Tensor = conv2d_weight(image, shape, small, stride=2, padding=1)
        return taps

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, small = ctx.saved_tensors
        by_image, by_small = ctx.needs_input_grad
        return _Grow.apply(small, slope) if by_image else None, _Shrink.apply(image, slope) if by_small else None


# Two maps whose gradients are torch's own, but for `_to_small`.


def _to_small(image: Tensor, taps: Tensor, bias: Tensor | None = None) -> Tensor:
    laid = image.contiguous(memory_format=torch.channels_last)
    return conv2d(laid, taps, bias, stride=2, padding=1).contiguous()


class _ToSmall(torch.autograd.Function):
    """An image, taps and a bias -> a map."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, taps: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(image, taps)
        return _to_small(image, taps, bias)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        image, taps = ctx.saved_tensors
        return _gradients(slope, image, taps, ctx.needs_input_grad, transposed=False)


class _FromSmall(torch.autograd.Function):
    """A map, taps and a bias -> an image."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, taps: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(small, taps)
        return conv_transpose2d(small, taps, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        small, taps = ctx.saved_tensors
        by_small, *others = ctx.needs_input_grad
        _, by_taps, by_bias = _gradients(slope, small, taps, (False, *others), transposed=True)
        return _to_small(slope, taps) if by_small else None, by_taps, by_bias


def _gradients(
    slope: Tensor, x: Tensor, taps: Tensor, wanted: tuple[bool, ...], *, transposed: bool
) -> tuple[Tensor | None, ...]:
    biases, stride, one, none = [slope.shape[1]], [2, 2], [1, 1], [0, 0]
    found: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
        slope, x, taps, biases, stride, one, one, transposed, none, 1, wanted
    )
    return found
