"""Checks of encoders, generators and discriminators."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoo.errors import ConfigError
from zoo.networks import checks
from zoo.networks.conditioning import takes_condition
from zoo.networks.utils import always_frozen
from zoo.testing.conformance.cases import DiscriminatorCase, EncoderCase, GeneratorCase
from zoo.testing.conformance.conditions import condition_arguments, numbers_of
from zoo.testing.conformance.modules import FORWARD_CHECKS, Check, assert_close, assert_shape, briefly_trained

__all__ = ["DISCRIMINATOR_CHECKS", "ENCODER_CHECKS", "GENERATOR_CHECKS"]


# ---------------------------------------------------------------- encoders and generators


def channels_come_second(case: EncoderCase | GeneratorCase) -> None:
    """Stages and samples are (N, C, H, W), not (N, H, W, C). If C = H or C = W, the component is built for other sizes
    too, if it accepts them, as the shape does not show the difference."""
    if not (case.data.is_image and any(_is_ambiguous(shape) for shape in _declared(case))):
        return
    channels, height, width = case.data.shape
    for shape in ((channels, height, 2 * width), (channels, 2 * height, 2 * width), (channels + 2, height, width)):
        other = replace(case, data=replace(case.data, shape=shape))
        with contextlib.suppress(ConfigError):  # it is not made for this size
            _declared(other)


def _declared(case: EncoderCase | GeneratorCase) -> list[tuple[int, ...]]:
    """The shapes of stages or samples on the meta device; they are as declared."""
    net: Any = case.build(device="meta").eval()
    if isinstance(case, GeneratorCase):
        checks.check_generator(net, case.data, case.codes, str(case))
        return [case.data.shape]
    checks.check_encoder(net, case.data, str(case))
    return [tuple(stage.shape[1:]) for stage in net.features(case.batch(2, "meta")).stages]


def _is_ambiguous(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in shape[1:]


# ---------------------------------------------------------------- generators and discriminators


def a_condition_changes_its_own_output_alone(case: GeneratorCase | DiscriminatorCase) -> None:
    """Another class or attribute changes the output of its own input and of no other in the batch, once the weights of
    a conditional network have moved from their start."""
    net: Any = case.build().eval()
    if not takes_condition(net):
        return
    rng = torch.Generator().manual_seed(0)
    x = case.batch(1).repeat_interleave(3, 0)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=rng))
        before, after = (_output_for(case, net, x, torch.tensor([number, 0, 0])) for number in (0, 1))
    assert not torch.allclose(before[0], after[0], rtol=1e-4, atol=1e-6), "another class or attribute changes nothing"
    assert_close(after[1:], before[1:], 1e-4, "outputs beside an input of another class")


def _output_for(case: GeneratorCase | DiscriminatorCase, net: Any, x: Tensor, numbers: Tensor) -> Tensor:
    """The samples or logits for the conditions with these numbers."""
    arguments = condition_arguments(net, case.data, numbers)
    output: Tensor = net(x, *arguments) if isinstance(case, GeneratorCase) else net.discriminate(x, *arguments).logits
    return output


# ---------------------------------------------------------------- encoders and discriminators


def features_have_the_declared_shapes(case: EncoderCase) -> None:
    """Embedding and stages are as declared for batches of 1, 2 and 3, and `forward` is the embedding."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_encoder(net, case.data, str(case))
        assert net.data == case.data, f"data is {net.data}, it was built for {case.data}"
        for n in (1, 2, 3):
            x = case.batch(n, device)
            embedding, stages = net.features(x)
            assert_shape(embedding, (n, *net.embedding_shape), "the embedding")
            assert len(stages) == len(net.stage_channels), f"{len(stages)} stages, {len(net.stage_channels)} declared"
            for i, (stage, channels) in enumerate(zip(stages, net.stage_channels, strict=True)):
                assert_shape(stage, (n, channels, *stage.shape[2:]), f"stage {i}")
            if device == "cpu":
                assert_close(embedding, net(x), 1e-5, "the embedding of `features` and the output of `forward`")


def stages_go_from_fine_to_coarse(case: EncoderCase) -> None:
    """No stage is larger in space than the one before it."""
    net: Any = case.build(device="meta")
    areas = [stage[0, 0].numel() for stage in net.eval().features(case.batch(2, "meta")).stages]
    assert areas == sorted(areas, reverse=True), f"the stages have {areas} values a channel"


def extreme_samples_give_finite_outputs(case: EncoderCase | DiscriminatorCase) -> None:
    """Samples at the lower end, at the upper end and in the middle of the value range give finite outputs."""
    net = briefly_trained(case).eval()
    for value in (case.data.low, case.data.high, (case.data.low + case.data.high) / 2):
        for i, output in enumerate(case.outputs(net, torch.full_like(case.batch(2), value))):
            assert output.isfinite().all(), f"output {i} of samples that are {value:g} everywhere is not finite"


def gradient_penalties_reach_the_weights(case: EncoderCase | DiscriminatorCase) -> None:
    """The gradient with respect to x is differentiable in training mode, as R1 needs."""
    net, x = briefly_trained(case), case.batch(4).requires_grad_()
    total = torch.stack([out.square().sum() for out in case.outputs(net, x)]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    torch.autograd.backward(gradient.square().sum())
    frozen = always_frozen(net)
    for name, weight in net.named_parameters():
        if weight.ndim > 1 and name not in frozen:
            assert weight.grad is not None, f"{name} gets no gradient through the penalty"
            assert weight.grad.isfinite().all(), f"{name} gets a gradient through the penalty that is not finite"
            assert weight.grad.any(), f"{name} gets a zero gradient through the penalty"


def logits_have_the_declared_shape(case: DiscriminatorCase) -> None:
    """There are as many logits as `logit_groups` declares, for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_discriminator(net, case.data, str(case))
        assert net.data == case.data, f"data is {net.data}, it was built for {case.data}"
        assert all(type(k) is int and k > 0 for k in net.logit_groups), f"logit_groups are {net.logit_groups}"
        for n in (1, 2, 3):
            logits, *_ = case.outputs(net, case.batch(n, device))
            assert_shape(logits, (n, sum(net.logit_groups)), f"the logits of the groups {net.logit_groups}")


# ---------------------------------------------------------------- generators


def samples_have_the_declared_shape(case: GeneratorCase) -> None:
    """One sample of the data's shape per code, for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_generator(net, case.data, case.codes, str(case))
        assert net.data == case.data, f"data is {net.data}, it was built for {case.data}"
        for n in (1, 2, 3):
            (samples,) = case.outputs(net, case.batch(n, device))
            assert_shape(samples, (n, *case.data.shape), "samples")


def samples_stay_in_the_value_range(case: GeneratorCase) -> None:
    """Large codes, zeros and large weights give samples in the range too; without bounds, finite ones."""
    net = case.build().eval()
    z = case.batch(32) * 100
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3.0)
        (x,) = case.outputs(net, torch.cat([z, torch.zeros_like(z)]))
    assert x.isfinite().all(), "a sample is not finite"
    inside = bool((x >= case.data.low).all() and (x <= case.data.high).all())
    assert inside or not case.data.bounded, f"samples reach {float(x.min()):.6g} to {float(x.max()):.6g}"


def a_linear_map_of_z_folds_into_first(case: GeneratorCase) -> None:
    """`first` is None, or G(A z + m) equals G with W A for W and b + W m for b."""
    net: Any = briefly_trained(case).eval()
    if net.first is None:
        return
    d = math.prod(case.codes)
    assert net.first.in_features == d, f"first reads {net.first.in_features} values, codes have {d}"
    rng = torch.Generator().manual_seed(0)
    z, matrix, shift = case.batch(4), torch.randn(d, d, generator=rng), torch.randn(d, generator=rng)
    conditions = condition_arguments(net, case.data, numbers_of(z))
    with torch.no_grad():
        expected = net((z.flatten(1) @ matrix.T + shift).view_as(z), *conditions)
        net.first.bias += net.first.weight @ shift
        net.first.weight.copy_(net.first.weight @ matrix)
        assert_close(
            net(z, *conditions), expected, 1e-3, "samples of mapped codes and of a net whose `first` has the map"
        )


ENCODER_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    features_have_the_declared_shapes,
    channels_come_second,
    extreme_samples_give_finite_outputs,
    stages_go_from_fine_to_coarse,
    gradient_penalties_reach_the_weights,
)
GENERATOR_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    samples_have_the_declared_shape,
    channels_come_second,
    samples_stay_in_the_value_range,
    a_linear_map_of_z_folds_into_first,
    a_condition_changes_its_own_output_alone,
)
DISCRIMINATOR_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    a_condition_changes_its_own_output_alone,
    logits_have_the_declared_shape,
    extreme_samples_give_finite_outputs,
    gradient_penalties_reach_the_weights,
)
