"""Strided convolutions of few channels are computed in another form: the same values and derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from zoo.networks.strided import StridedConv2d, StridedConvTranspose2d

few = pytest.mark.parametrize("channels", [1, 2, 3, 4])
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
@few
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
@pytest.mark.parametrize("channels", [1, 3])
def test_first_and_second_derivatives_are_those_of_finite_differences(grows: bool, channels: int) -> None:
    ours, _, x = layers(grows, channels)
    names, weights = zip(*ours.named_parameters(), strict=True)

    def function(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(ours, dict(zip(names, weights, strict=True)), (x,))

    small = x[:1, :, :4, :4].detach().requires_grad_()
    assert gradcheck(function, (small, *weights), fast_mode=True)
    assert gradgradcheck(function, (small, *weights), fast_mode=True)


@kinds
def test_a_penalty_on_slopes_moves_the_weights_as_torchs_does(grows: bool) -> None:
    ours, plain, x = layers(grows, 3)

    def penalty(layer: nn.Module) -> tuple[Tensor, ...]:
        (slope,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), list(layer.parameters()))

    for got, wanted in zip(penalty(ours), penalty(plain), strict=True):
        torch.testing.assert_close(got, wanted)


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
