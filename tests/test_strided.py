"""Strided convolutions from and to images and small maps are computed in another form: the same values and derivatives."""

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
    """A strided layer, torch's with the same weights, and an input."""
    torch.manual_seed(channels)
    if grows:
        strided: nn.Module = StridedConvTranspose2d(5, channels, bias=bias)
        reference: nn.Module = nn.ConvTranspose2d(5, channels, 4, stride=2, padding=1, bias=bias)
        x = torch.randn(2, 5, 3, 4)
    else:
        strided = StridedConv2d(channels, 5, bias=bias)
        reference = nn.Conv2d(channels, 5, 4, stride=2, padding=1, bias=bias)
        x = torch.randn(2, channels, 6, 8)
    reference.load_state_dict(strided.state_dict())
    return strided.double(), reference.double(), x.double().requires_grad_()


@kinds
@ends
@pytest.mark.parametrize("bias", [False, True])
def test_values_and_gradients_are_torchs(grows: bool, channels: int, bias: bool) -> None:
    strided, reference, x = layers(grows, channels, bias)
    gradient = torch.randn_like(reference(x))
    torch.testing.assert_close(strided(x), reference(x))
    for got, wanted in zip(
        torch.autograd.grad(strided(x), [x, *strided.parameters()], gradient),
        torch.autograd.grad(reference(x), [x, *reference.parameters()], gradient),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_first_and_second_derivatives_are_those_of_finite_differences(grows: bool, channels: int) -> None:
    strided, _, x = layers(grows, channels)
    names, weights = zip(*strided.named_parameters(), strict=True)

    def function(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(strided, dict(zip(names, weights, strict=True)), (x,))

    small = x[:1, :, :4, :4].detach().requires_grad_()
    assert gradcheck(function, (small, *weights), fast_mode=True)
    assert gradgradcheck(function, (small, *weights), fast_mode=True)


@kinds
@pytest.mark.parametrize("channels", [3, 6])
def test_a_gradient_penalty_has_torchs_gradients(grows: bool, channels: int) -> None:
    strided, reference, x = layers(grows, channels)

    def penalty(layer: nn.Module) -> tuple[Tensor, ...]:
        (gradient,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), list(layer.parameters()))

    for got, wanted in zip(penalty(strided), penalty(reference), strict=True):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize("channels", [3, 6])
def test_a_frozen_layer_passes_the_gradient_on_and_a_first_layer_gets_one(grows: bool, channels: int) -> None:
    strided, reference, x = layers(grows, channels)
    gradient = torch.randn_like(reference(x))
    weight_gradients = [
        torch.autograd.grad(layer(x.detach()), list(layer.parameters()), gradient) for layer in (strided, reference)
    ]
    input_gradients = [
        torch.autograd.grad(layer.requires_grad_(False)(x), x, gradient) for layer in (strided, reference)
    ]
    for got, wanted in (weight_gradients, input_gradients):
        torch.testing.assert_close(got, wanted)


@kinds
@pytest.mark.parametrize(("channels", "form"), [(3, ("_Shrink", "_Grow")), (6, ("_ToSmall", "_FromSmall"))])
def test_the_other_form_is_taken_where_torchs_kernels_are_slow(
    grows: bool, channels: int, form: tuple[str, str]
) -> None:
    strided, _, x = layers(grows, channels, bias=False)
    assert form[grows] in str(strided(x).grad_fn)
    larger = torch.randn(1, 5 if grows else 6, 10, 10, dtype=torch.float64, requires_grad=True)
    if channels == 6:
        assert form[grows] not in str(strided(larger).grad_fn)
        laid = x.detach().contiguous(memory_format=torch.channels_last)
        assert strided(laid).is_contiguous(memory_format=torch.channels_last)


@kinds
def test_half_precision_is_left_to_torch(grows: bool) -> None:
    strided, reference, x = layers(grows, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(strided.float()(x.float()), reference.float()(x.float()))
    assert strided(x.float()).dtype == torch.float32


@kinds
def test_a_copy_has_weights_of_its_own(grows: bool) -> None:
    strided, _, x = layers(grows, 1)
    other = copy.deepcopy(strided)
    before = other(x)
    with torch.no_grad():
        next(strided.parameters()).zero_()
    assert torch.equal(other(x), before)
