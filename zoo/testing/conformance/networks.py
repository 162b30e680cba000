"""Checks of encoders, generators and discriminators."""

from __future__ import annotations

import math
from typing import Any

import torch

from zoo.networks import checks
from zoo.testing.conformance.cases import DiscriminatorCase, EncoderCase, GeneratorCase
from zoo.testing.conformance.modules import FORWARD_CHECKS, Check, briefly_trained

__all__ = ["DISCRIMINATOR_CHECKS", "ENCODER_CHECKS", "GENERATOR_CHECKS"]


# ---------------------------------------------------------------- encoders and discriminators


def features_have_the_declared_shapes(case: EncoderCase) -> None:
    """Embedding and stages are as declared for batches of 1, 2 and 3, and `forward` is the embedding."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_encoder(net, case.data, str(case))
        assert net.data == case.data
        for n in (1, 2, 3):
            x = case.batch(n, device)
            embedding, stages = net.features(x)
            assert embedding.shape == (n, *net.embedding_shape)
            assert [stage.shape[:2] for stage in stages] == [(n, c) for c in net.stage_channels]
            assert device == "meta" or torch.equal(embedding, net(x)), "forward(x) is not the embedding"


def stages_go_from_fine_to_coarse(case: EncoderCase) -> None:
    """No stage is larger in space than the one before it."""
    net: Any = case.build(device="meta")
    areas = [stage[0, 0].numel() for stage in net.eval().features(case.batch(2, "meta")).stages]
    assert areas == sorted(areas, reverse=True), f"stage sizes {areas}"


def gradient_penalties_reach_the_weights(case: EncoderCase | DiscriminatorCase) -> None:
    """The gradient with respect to x is differentiable in training mode, as R1 needs."""
    net, x = briefly_trained(case), case.batch(4).requires_grad_()
    total = torch.stack([out.square().sum() for out in case.outputs(net, x)]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    torch.autograd.backward(gradient.square().sum())
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            assert weight.grad is not None, f"{name} gets no gradient through the penalty"
            assert weight.grad.isfinite().all(), f"{name} gets a gradient through the penalty that is not finite"
            assert weight.grad.any(), f"{name} gets a zero gradient through the penalty"


def logits_have_the_declared_shape(case: DiscriminatorCase) -> None:
    """There are as many logits as `logit_groups` declares, for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_discriminator(net, case.data, str(case))
        assert net.data == case.data
        assert all(type(k) is int and k > 0 for k in net.logit_groups)
        for n in (1, 2, 3):
            assert net.discriminate(case.batch(n, device)).logits.shape == (n, sum(net.logit_groups))


# ---------------------------------------------------------------- generators


def samples_have_the_declared_shape(case: GeneratorCase) -> None:
    """One sample of the data's shape per code, for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_generator(net, case.data, case.code_shape, str(case))
        assert (net.data, net.code_shape) == (case.data, case.code_shape)
        for n in (1, 2, 3):
            assert net(case.batch(n, device)).shape == (n, *case.data.shape)


def samples_stay_in_the_value_range(case: GeneratorCase) -> None:
    """Large codes and large weights give samples in the range too."""
    net = case.build().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3.0)
        x = net(case.batch(32) * 100)
    assert x.isfinite().all()
    inside = bool((x >= case.data.low).all() and (x <= case.data.high).all())
    assert inside, f"samples reach {float(x.min()):.6g} to {float(x.max()):.6g}"


def a_linear_map_of_z_folds_into_first(case: GeneratorCase) -> None:
    """`first` is None, or G(A z + m) equals G with W A for W and b + W m for b."""
    net: Any = briefly_trained(case).eval()
    if net.first is None:
        return
    d = math.prod(case.code_shape)
    assert net.first.in_features == d
    rng = torch.Generator().manual_seed(0)
    z, matrix, shift = case.batch(4), torch.randn(d, d, generator=rng), torch.randn(d, generator=rng)
    with torch.no_grad():
        expected = net((z.flatten(1) @ matrix.T + shift).view_as(z))
        net.first.bias += net.first.weight @ shift
        net.first.weight.copy_(net.first.weight @ matrix)
        torch.testing.assert_close(net(z), expected, rtol=1e-3, atol=1e-4 * (case.data.high - case.data.low))


ENCODER_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    features_have_the_declared_shapes,
    stages_go_from_fine_to_coarse,
    gradient_penalties_reach_the_weights,
)
GENERATOR_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    samples_have_the_declared_shape,
    samples_stay_in_the_value_range,
    a_linear_map_of_z_folds_into_first,
)
DISCRIMINATOR_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    logits_have_the_declared_shape,
    gradient_penalties_reach_the_weights,
)
