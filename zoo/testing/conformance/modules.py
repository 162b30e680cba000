"""Checks of every component that is an `nn.Module`: its state, and its forward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo._utils.tensors import pack, unpack
from zoo.testing.conformance.cases import ForwardCase, ModuleCase
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.testing.conformance.randomness import training_draws_from_torchs_generators_alone
from zoo.testing.conformance.watch import watching

__all__ = ["FORWARD_CHECKS", "STATE_CHECKS", "Check", "briefly_trained", "same_outputs"]

Check = Callable[[Any], None]


# ---------------------------------------------------------------- its state


def meta_build_equals_real_build(case: ModuleCase) -> None:
    """On the meta device the state has the same names, shapes and dtypes, and all of it is on that device."""
    real, meta = case.build().state_dict(), case.build(device="meta").state_dict()
    assert [(k, v.shape, v.dtype) for k, v in real.items()] == [(k, v.shape, v.dtype) for k, v in meta.items()]
    assert all(value.is_meta for value in meta.values()), "a tensor is not on the meta device"


def every_tensor_is_saved(case: ModuleCase) -> None:
    """Every tensor is a parameter or a persistent buffer: any other would have no value after a build on meta."""
    net = case.build()
    unsaved = {name for name, _ in net.named_buffers()} - set(net.state_dict())
    assert not unsaved, f"not in the state dict: {sorted(unsaved)}"
    for name, module in net.named_modules():
        plain = [key for key, value in vars(module).items() if isinstance(value, Tensor)]
        assert not plain, f"{name or 'the net'} has a tensor in a plain attribute: {plain[0]}"


def tensors_are_contiguous_and_listed_once(case: ModuleCase) -> None:
    """Saving loses that tensors are shared, and changes the layout of strided ones."""
    state = case.build().state_dict()
    pointers = [tensor.data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(set(pointers)) == len(pointers), "two names share one tensor"
    assert all(tensor.is_contiguous() for tensor in state.values()), "a tensor is not contiguous"


def weights_come_from_the_global_generator_alone(case: ModuleCase) -> None:
    """The same seed gives the same weights, another seed gives others."""
    nets = [case.build(seed) for seed in (1, 1, 2)]
    first, second, other = (net.state_dict() for net in nets)
    assert all(torch.equal(first[k], second[k]) for k in first), "one seed gave two sets of weights"
    if any(True for _ in nets[0].parameters()):
        assert any(not torch.equal(first[k], other[k]) for k in first), "two seeds gave the same weights"


def building_touches_nothing_outside(case: ModuleCase) -> None:
    """Building uses no network and writes no file outside the temporary folder."""
    with watching() as notes:
        case.build()
    assert not notes, "; ".join(notes[:3])


# ---------------------------------------------------------------- a pass


def state_round_trip_gives_bitwise_equal_output(case: ForwardCase) -> None:
    """After saving as safetensors and strict loading into a meta build, the output is bitwise equal."""
    net = briefly_trained(case).eval()
    loaded = case.build(device="meta").eval()
    loaded.load_state_dict(unpack(pack(net.state_dict(), {}), str(case)), strict=True, assign=True)
    missing = [name for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()) if tensor.is_meta]
    assert not missing, f"without a value after loading: {missing}"
    same_outputs(case, net, loaded)


def deep_copy_is_independent_and_equal(case: ForwardCase) -> None:
    """A deep copy, as EMA and teachers use, has the same output and shares no tensor."""
    net = briefly_trained(case).eval()
    duplicate = copy.deepcopy(net)
    same_outputs(case, net, duplicate)
    pointers = {tensor.data_ptr() for tensor in net.state_dict().values() if tensor.numel()}
    assert not pointers & {tensor.data_ptr() for tensor in duplicate.state_dict().values()}
    if not any(True for _ in net.parameters()):
        return
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        zeroed, unchanged = case.outputs(net, case.batch(2)), case.outputs(duplicate, case.batch(2))
    assert any(not torch.equal(a, b) for a, b in zip(zeroed, unchanged, strict=True)), "the copy uses the original"


def gradients_reach_every_parameter(case: ForwardCase) -> None:
    """Every parameter gets a finite gradient, in eval mode a non-zero one (batch statistics may cancel it in training);
    tested after two steps, as blocks may start at zero."""
    net, x = briefly_trained(case), case.batch(8)
    if not any(True for _ in net.parameters()):
        return
    for training in (True, False):
        net.train(training).zero_grad()
        torch.stack([_weighted_sum(out) for out in case.outputs(net, x)]).sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert parameter.grad.isfinite().all(), f"{name} gets a gradient that is not finite"
            assert training or parameter.grad.any(), f"{name} gets a zero gradient"


def eval_is_deterministic_and_changes_nothing(case: ForwardCase) -> None:
    """In eval mode two passes are bitwise equal and do not change the state."""
    net = briefly_trained(case).eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    same_outputs(case, net, net)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()), "a pass in eval mode changed the state"


def batch_mates_do_not_change_a_sample(case: ForwardCase) -> None:
    """In eval mode a sample's output does not depend on the other samples in the batch (except for rounding)."""
    net, x = briefly_trained(case).eval(), case.batch(4)
    with torch.no_grad():
        together = case.outputs(net, x)
        alone = [case.outputs(net, x[i : i + 1]) for i in range(len(x))]
    for i, output in enumerate(together):
        single = torch.cat([outputs[i] for outputs in alone])
        torch.testing.assert_close(output, single, rtol=1e-4, atol=1e-5 * max(1.0, float(output.abs().max())))


def inputs_are_left_alone(case: ForwardCase) -> None:
    """No layer changes its input in place."""
    x = case.batch(3)
    before = x.clone()
    case.outputs(case.build(), x)
    assert torch.equal(x, before)


# ---------------------------------------------------------------- helpers


def briefly_trained(case: ForwardCase) -> nn.Module:
    """The component after two training steps, so that statistics, biases and spectral vectors differ from the start."""
    net = case.build().train()
    if not any(True for _ in net.parameters()):
        return net
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        torch.stack([out.square().mean() for out in case.outputs(net, case.batch(8))]).sum().backward()
        optimiser.step()
    net.zero_grad()
    return net


def same_outputs(case: ForwardCase, one: nn.Module, other: nn.Module) -> None:
    """Both compute bitwise equal outputs for the same batch."""
    x = case.batch(3)
    with torch.no_grad():
        for a, b in zip(case.outputs(one, x), case.outputs(other, x), strict=True):
            assert torch.equal(a, b), f"outputs differ by up to {float((a - b).abs().max()):.3g}"


def _weighted_sum(out: Tensor) -> Tensor:
    return (out * torch.linspace(-1.0, 1.0, out.numel()).view_as(out)).sum()


STATE_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    meta_build_equals_real_build,
    every_tensor_is_saved,
    tensors_are_contiguous_and_listed_once,
    weights_come_from_the_global_generator_alone,
    building_touches_nothing_outside,
)
FORWARD_CHECKS: tuple[Check, ...] = (
    *STATE_CHECKS,
    state_round_trip_gives_bitwise_equal_output,
    deep_copy_is_independent_and_equal,
    gradients_reach_every_parameter,
    eval_is_deterministic_and_changes_nothing,
    training_draws_from_torchs_generators_alone,
    batch_mates_do_not_change_a_sample,
    inputs_are_left_alone,
)
