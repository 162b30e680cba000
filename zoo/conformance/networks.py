"""What encoders, generators and discriminators promise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.conformance.cases import DiscriminatorCase, EncoderCase, GeneratorCase, NetworkCase
from zoo.conformance.components import COMPONENT_CHECKS
from zoo.conformance.watch import watching
from zoo.networks import checks
from zoo.tensors import pack, unpack

__all__ = ["DISCRIMINATOR_CHECKS", "ENCODER_CHECKS", "GENERATOR_CHECKS"]


# ---------------------------------------------------------------- any network


def meta_build_equals_real_build(case: NetworkCase) -> None:
    """Names, shapes and dtypes of the state are the same on the meta device, and all of it is there."""
    real, meta = case.build().state_dict(), case.build(device="meta").state_dict()
    assert [(k, v.shape, v.dtype) for k, v in real.items()] == [(k, v.shape, v.dtype) for k, v in meta.items()]
    assert {v.device.type for v in meta.values()} == {"meta"}


def every_tensor_is_saved(case: NetworkCase) -> None:
    """A buffer outside the state dict, or a tensor in a plain attribute, has no value after a build on meta."""
    net = case.build()
    lost = {name for name, _ in net.named_buffers()} - set(net.state_dict())
    assert not lost, f"not in the state dict: {sorted(lost)}"
    for name, module in net.named_modules():
        hidden = [key for key, value in vars(module).items() if isinstance(value, Tensor)]
        assert not hidden, f"{name or 'the net'} holds a tensor in a plain attribute: {hidden[0]}"


def tensors_are_contiguous_and_listed_once(case: NetworkCase) -> None:
    """Shared tensors cannot be told apart once saved; strided ones change their layout."""
    state = case.build().state_dict()
    places = [tensor.data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(set(places)) == len(places), "two names share one tensor"
    assert all(tensor.is_contiguous() for tensor in state.values()), "a tensor is not contiguous"


def weights_come_from_the_global_generator_alone(case: NetworkCase) -> None:
    """One seed gives one set of weights; another seed gives another."""
    first, again, other = (case.build(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[k], again[k]) for k in first), "one seed gave two sets of weights"
    assert any(not torch.equal(first[k], other[k]) for k in first), "two seeds gave the same weights"


def building_touches_nothing_outside(case: NetworkCase) -> None:
    """No network, and no file outside the temporary folder, while it is built."""
    with watching() as notes:
        case.build()
    assert not notes, "; ".join(notes[:3])


def state_round_trip_gives_bitwise_equal_output(case: NetworkCase) -> None:
    """Saved as safetensors and loaded strictly into a meta build, it computes the same bits."""
    net = trained_a_little(case).eval()
    twin = case.build(device="meta").eval()
    twin.load_state_dict(unpack(pack(net.state_dict(), {}), str(case)), strict=True, assign=True)
    left = [name for name, tensor in (*twin.named_parameters(), *twin.named_buffers()) if tensor.is_meta]
    assert not left, f"without a value after loading: {left}"
    same_outputs(case, net, twin)


def deep_copy_is_independent_and_equal(case: NetworkCase) -> None:
    """An EMA or a teacher starts as a deep copy: same output, no shared tensor."""
    net = trained_a_little(case).eval()
    twin = copy.deepcopy(net)
    same_outputs(case, net, twin)
    mine = {tensor.data_ptr() for tensor in net.state_dict().values() if tensor.numel()}
    assert not mine & {tensor.data_ptr() for tensor in twin.state_dict().values()}
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        before, after = case.outputs(net, case.batch(2)), case.outputs(twin, case.batch(2))
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)), "the copy still reads the original"


def gradients_reach_every_parameter(case: NetworkCase) -> None:
    """Each one gets a finite gradient, and a non-zero one where no batch statistic cancels it; after two steps, so
    that blocks which start at zero have left it."""
    net, x = trained_a_little(case), case.batch(8)
    for training in (True, False):
        net.train(training).zero_grad()
        torch.stack([_slanted(out) for out in case.outputs(net, x)]).sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert parameter.grad.isfinite().all(), f"{name} gets a gradient that is not finite"
            assert training or parameter.grad.any(), f"{name} gets a zero gradient"


def eval_is_deterministic_and_changes_nothing(case: NetworkCase) -> None:
    """In eval mode two passes give the same bits and leave the state as it was."""
    net = trained_a_little(case).eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    same_outputs(case, net, net)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()), "a pass in eval mode changed the state"


def batch_mates_do_not_change_a_sample(case: NetworkCase) -> None:
    """In eval mode a sample's output is its own, whoever else is in the batch (beyond rounding)."""
    net, x = trained_a_little(case).eval(), case.batch(4)
    with torch.no_grad():
        together = case.outputs(net, x)
        alone = [case.outputs(net, x[i : i + 1]) for i in range(len(x))]
    for i, whole in enumerate(together):
        single = torch.cat([outputs[i] for outputs in alone])
        torch.testing.assert_close(whole, single, rtol=1e-4, atol=1e-5 * max(1.0, float(whole.abs().max())))


def inputs_are_left_alone(case: NetworkCase) -> None:
    """No layer writes into the batch that it was given."""
    x = case.batch(3)
    before = x.clone()
    case.outputs(case.build(), x)
    assert torch.equal(x, before)


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
            assert embedding.shape == (n, net.embedding_dim)
            assert [stage.shape[:2] for stage in stages] == [(n, c) for c in net.stage_channels]
            assert device == "meta" or torch.equal(embedding, net(x)), "forward(x) is not the embedding"


def stages_go_from_fine_to_coarse(case: EncoderCase) -> None:
    """No stage is larger in space than the one before it."""
    net: Any = case.build(device="meta")
    areas = [stage[0, 0].numel() for stage in net.eval().features(case.batch(2, "meta")).stages]
    assert areas == sorted(areas, reverse=True), f"stage sizes {areas}"


def gradient_penalties_reach_the_weights(case: EncoderCase | DiscriminatorCase) -> None:
    """The gradient with respect to x can be differentiated again (R1), in training mode."""
    net, x = trained_a_little(case), case.batch(4).requires_grad_()
    total = torch.stack([out.square().sum() for out in case.outputs(net, x)]).sum()
    (slope,) = torch.autograd.grad(total, x, create_graph=True)
    torch.autograd.backward(slope.square().sum())
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            assert weight.grad is not None, f"{name} gets no gradient through the penalty"
            assert weight.grad.isfinite().all(), f"{name} gets a gradient through the penalty that is not finite"
            assert weight.grad.any(), f"{name} gets a zero gradient through the penalty"


def judgements_have_the_declared_shape(case: DiscriminatorCase) -> None:
    """As many logits as the groups say, for batches of 1, 2 and 3, unbounded in either direction."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_discriminator(net, case.data, str(case))
        assert net.data == case.data
        assert all(type(k) is int and k > 0 for k in net.logit_groups)
        for n in (1, 2, 3):
            assert net.judge(case.batch(n, device)).realness.shape == (n, sum(net.logit_groups))


# ---------------------------------------------------------------- generators


def samples_have_the_declared_shape(case: GeneratorCase) -> None:
    """One sample of the data's shape per code, for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_generator(net, case.data, case.latent_dim, str(case))
        assert (net.data, net.latent_dim) == (case.data, case.latent_dim)
        for n in (1, 2, 3):
            assert net(case.batch(n, device)).shape == (n, *case.data.shape)


def samples_stay_in_the_value_range(case: GeneratorCase) -> None:
    """Neither codes far out nor large weights push a sample out of the range."""
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
    net: Any = trained_a_little(case).eval()
    if net.first is None:
        return
    d = case.latent_dim
    assert net.first.in_features == d
    rng = torch.Generator().manual_seed(0)
    z, matrix, shift = case.batch(4), torch.randn(d, d, generator=rng), torch.randn(d, generator=rng)
    with torch.no_grad():
        expected = net(z @ matrix.T + shift)
        net.first.bias += net.first.weight @ shift
        net.first.weight.copy_(net.first.weight @ matrix)
        torch.testing.assert_close(net(z), expected, rtol=1e-3, atol=1e-4 * (case.data.high - case.data.low))


# ---------------------------------------------------------------- helpers


def trained_a_little(case: NetworkCase) -> nn.Module:
    """The component after two steps: statistics, biases and spectral vectors have left their start."""
    net = case.build().train()
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        torch.stack([out.square().mean() for out in case.outputs(net, case.batch(8))]).sum().backward()
        optimiser.step()
    net.zero_grad()
    return net


def same_outputs(case: NetworkCase, one: nn.Module, other: nn.Module) -> None:
    """Both give the same bits for the same batch."""
    x = case.batch(3)
    with torch.no_grad():
        for a, b in zip(case.outputs(one, x), case.outputs(other, x), strict=True):
            assert torch.equal(a, b), f"outputs differ by up to {float((a - b).abs().max()):.3g}"


def _slanted(out: Tensor) -> Tensor:
    return (out * torch.linspace(-1.0, 1.0, out.numel()).view_as(out)).sum()


NetworkCheck = Callable[[Any], None]

NETWORK_CHECKS: tuple[NetworkCheck, ...] = (
    *COMPONENT_CHECKS,
    meta_build_equals_real_build,
    every_tensor_is_saved,
    tensors_are_contiguous_and_listed_once,
    weights_come_from_the_global_generator_alone,
    building_touches_nothing_outside,
    state_round_trip_gives_bitwise_equal_output,
    deep_copy_is_independent_and_equal,
    gradients_reach_every_parameter,
    eval_is_deterministic_and_changes_nothing,
    batch_mates_do_not_change_a_sample,
    inputs_are_left_alone,
)
ENCODER_CHECKS: tuple[NetworkCheck, ...] = (
    *NETWORK_CHECKS,
    features_have_the_declared_shapes,
    stages_go_from_fine_to_coarse,
    gradient_penalties_reach_the_weights,
)
GENERATOR_CHECKS: tuple[NetworkCheck, ...] = (
    *NETWORK_CHECKS,
    samples_have_the_declared_shape,
    samples_stay_in_the_value_range,
    a_linear_map_of_z_folds_into_first,
)
DISCRIMINATOR_CHECKS: tuple[NetworkCheck, ...] = (
    *NETWORK_CHECKS,
    judgements_have_the_declared_shape,
    gradient_penalties_reach_the_weights,
)
