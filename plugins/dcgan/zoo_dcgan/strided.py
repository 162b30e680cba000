"""4x4 convolutions of stride 2 that are faster on a CPU than torch's at the first and last layers of a network.

torch's CPU kernels are slow for two shapes. For these the same sums are computed in another order:

- To images: a transposed convolution to 1, 3 or 4 channels, and the gradient with respect to such an image, reach a
  sixth of the usual speed. Both are the same linear map, `_Grow`. Here it is a 2x2 convolution to four times the
  channels, followed by a pixel shuffle (the sub-pixel form of Shi et al. 2016, section 2.2).
- To 4x4 maps: a convolution, and the gradient of a transposed one with respect to its input, take a fifth to a half
  longer than in the memory format channels_last, both conversions included (`_to_small`). Larger maps do not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pixel_shuffle
from torch.nn.grad import conv2d_weight

__all__ = ["StridedConv2d", "StridedConvTranspose2d"]

_FEW = 4
"""The largest number of channels of an image."""

_SMALL = 4
"""The largest side of a small map."""


class StridedConv2d(nn.Conv2d):
    """(N, n_in, 2s, 2s) -> (N, n_out, s, s). Weights are nn.Conv2d's; so are results, up to rounding."""

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
    """(N, n_in, s, s) -> (N, n_out, 2s, 2s). Weights are nn.ConvTranspose2d's; so are results, up to
    rounding."""

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
    traced = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    return not torch.is_autocast_enabled("cpu") and not traced


# Three bilinear functions of an image (N, few, 2s, 2s), a feature map (N, many, s, s) and weights (many, few, 4, 4).
# The gradients of each are the other two, so derivatives of any order exist.


class _Shrink(torch.autograd.Function):
    """An image and weights -> a map."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(image, weights)
        return conv2d(image, weights, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, weights = ctx.saved_tensors
        for_image, for_weights = ctx.needs_input_grad
        return _Grow.apply(grad, weights) if for_image else None, _Weights.apply(image, grad) if for_weights else None


class _Grow(torch.autograd.Function):
    """A map and weights -> an image."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(small, weights)
        many, few = weights.shape[:2]
        # the weight at (2a + i, 2b + j) adds to pixel (i, j) of the 2x2 pixels at offset (a, b)
        blocks = weights.view(many, few, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(many, few * 4, 2, 2)
        return pixel_shuffle(conv_transpose2d(small, blocks), 2)[:, :, 1:-1, 1:-1].contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        small, weights = ctx.saved_tensors
        for_small, for_weights = ctx.needs_input_grad
        return _Shrink.apply(grad, weights) if for_small else None, _Weights.apply(grad, small) if for_weights else None


class _Weights(torch.autograd.Function):
    """An image and a map -> weights."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(image, small)
        shape = (small.shape[1], image.shape[1], 4, 4)
        weights: Tensor = conv2d_weight(image, shape, small, stride=2, padding=1)
        return weights

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, small = ctx.saved_tensors
        for_image, for_small = ctx.needs_input_grad
        return _Grow.apply(small, grad) if for_image else None, _Shrink.apply(image, grad) if for_small else None


# Two functions whose gradients are torch's own, except for `_to_small`.


def _to_small(image: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    converted = image.contiguous(memory_format=torch.channels_last)
    return conv2d(converted, weights, bias, stride=2, padding=1).contiguous()


class _ToSmall(torch.autograd.Function):
    """An image, weights and a bias -> a map."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(image, weights)
        return _to_small(image, weights, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, weights = ctx.saved_tensors
        return _gradients(grad, image, weights, ctx.needs_input_grad, transposed=False)


class _FromSmall(torch.autograd.Function):
    """A map, weights and a bias -> an image."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(small, weights)
        return conv_transpose2d(small, weights, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        small, weights = ctx.saved_tensors
        for_small, *others = ctx.needs_input_grad
        _, for_weights, for_bias = _gradients(grad, small, weights, (False, *others), transposed=True)
        return _to_small(grad, weights) if for_small else None, for_weights, for_bias


def _gradients(
    grad: Tensor, x: Tensor, weights: Tensor, wanted: tuple[bool, ...], *, transposed: bool
) -> tuple[Tensor | None, ...]:
    biases, stride, one, none = [grad.shape[1]], [2, 2], [1, 1], [0, 0]
    gradients: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
        grad, x, weights, biases, stride, one, one, transposed, none, 1, wanted
    )
    return gradients
