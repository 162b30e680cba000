"""Strided convolutions from and to images and small maps take another form: the same values and derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from zoo_dcgan.strided import StridedConv2d, StridedConvTranspose2d

ends = pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])  # an image's; 6 are a small map's
kinds = pytest.mark.parametrize("grows", [False, True], ids=["halves", "doubles"])


def layers(grows: bool, channels: int, bias: bool = True) -> tuple[nn.Module, nn.Module, Tensor]:
    """Ours, torch's with the same weights, and an input."""
    torch.manual_seed(channels)
    if grows:
        ours: nn.Module = StridedConvTranspose2d(5, channels, bias=bias)
        plain: nn.Module = nn.ConvTranspose2d(5, channels, 4, stride=2, padding=1, bias=bias)
        x = torch.randn(2, 5, 3, 4)
    else:
        ours = StridedConv2d(channels, 5, bias=bias)
        plain = nn.Conv2d(channels, 5, 4, stride=2, padding=1, bias=bias)
        x = torch.randn(2, channels, 6, 8)
    plain.load_state_dict(ours.state_dict())
    return ours.double(), plain.double(), x.double().requires_grad_()


@kinds
@ends
@pytest.mark.parametrize("bias", [False, True])
def test_values_and_gradients_are_torchs(grows: bool, channels: int, bias: bool) -> None:
    ours, plain, x = layers(grows, channels, bias)
    slope = torch.randn_like(plain(x))
    torch.testing.assert_close(ours(x), plain(x))
    for got, wanted in zip(
        torch.autograd.grad(ours(x), [x, *ours.parameters()], slope),
        torch.autograd.grad(plain(x), [x, *plain.parameters()], slope),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_first_and_second_derivatives_are_those_of_finite_differences(grows: bool, channels: int) -> None:
    ours, _, x = layers(grows, channels)
    names, weights = zip(*ours.named_parameters(), strict=True)

    def function(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(ours, dict(zip(names, weights, strict=True)), (x,))

    small = x[:1, :, :4, :4].detach().requires_grad_()
    assert gradcheck(function, (small, *weights), fast_mode=True)
    assert gradgradcheck(function, (small, *weights), fast_mode=True)


@kinds
@pytest.mark.parametrize("channels", [3, 6])
def test_a_penalty_on_slopes_moves_the_weights_as_torchs_does(grows: bool, channels: int) -> None:
    ours, plain, x = layers(grows, channels)

    def penalty(layer: nn.Module) -> tuple[Tensor, ...]:
        (slope,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), list(layer.parameters()))

    for got, wanted in zip(penalty(ours), penalty(plain), strict=True):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize("channels", [3, 6])
def test_a_frozen_layer_hands_the_slope_on_and_one_on_data_learns(grows: bool, channels: int) -> None:
    ours, plain, x = layers(grows, channels)
    slope = torch.randn_like(plain(x))
    learnt = [torch.autograd.grad(layer(x.detach()), list(layer.parameters()), slope) for layer in (ours, plain)]
    handed = [torch.autograd.grad(layer.requires_grad_(False)(x), x, slope) for layer in (ours, plain)]
    for got, wanted in (learnt, handed):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize(("channels", "form"), [(3, ("_Shrink", "_Grow")), (6, ("_ToSmall", "_FromSmall"))])
def test_the_other_form_is_taken_where_torchs_kernels_are_slow(
    grows: bool, channels: int, form: tuple[str, str]
) -> None:
    ours, _, x = layers(grows, channels, bias=False)
    assert form[grows] in str(ours(x).grad_fn)
    larger = torch.randn(1, 5 if grows else 6, 10, 10, dtype=torch.float64, requires_grad=True)
    if channels == 6:
        assert form[grows] not in str(ours(larger).grad_fn)
        laid = x.detach().contiguous(memory_format=torch.channels_last)
        assert ours(laid).is_contiguous(memory_format=torch.channels_last)


@kinds
def test_half_precision_is_left_to_torch(grows: bool) -> None:
    ours, plain, x = layers(grows, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours.float()(x.float()), plain.float()(x.float()))
    assert ours(x.float()).dtype == torch.float32


@kinds
def test_a_copy_has_weights_of_its_own(grows: bool) -> None:
    ours, _, x = layers(grows, 1)
    other = copy.deepcopy(ours)
    before = other(x)
    with torch.no_grad():
        next(ours.parameters()).zero_()
    assert torch.equal(other(x), before)
