"""What any `nn.Module` that a component builds promises of its state and of a pass through it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo._utils.tensors import pack, unpack
from zoo.testing.conformance.cases import ModuleCase, PassCase
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.testing.conformance.watch import watching

__all__ = ["PASS_CHECKS", "STATE_CHECKS", "Check", "same_outputs", "trained_a_little"]

Check = Callable[[Any], None]


# ---------------------------------------------------------------- its state


def meta_build_equals_real_build(case: ModuleCase) -> None:
    """Names, shapes and dtypes of the state are the same on the meta device, and all of it is there."""
    real, meta = case.build().state_dict(), case.build(device="meta").state_dict()
    assert [(k, v.shape, v.dtype) for k, v in real.items()] == [(k, v.shape, v.dtype) for k, v in meta.items()]
    assert all(value.is_meta for value in meta.values()), "a tensor is not on the meta device"


def every_tensor_is_saved(case: ModuleCase) -> None:
    """A buffer outside the state dict, or a tensor in a plain attribute, has no value after a build on meta."""
    net = case.build()
    lost = {name for name, _ in net.named_buffers()} - set(net.state_dict())
    assert not lost, f"not in the state dict: {sorted(lost)}"
    for name, module in net.named_modules():
        hidden = [key for key, value in vars(module).items() if isinstance(value, Tensor)]
        assert not hidden, f"{name or 'the net'} holds a tensor in a plain attribute: {hidden[0]}"


def tensors_are_contiguous_and_listed_once(case: ModuleCase) -> None:
    """Shared tensors cannot be told apart once saved; strided ones change their layout."""
    state = case.build().state_dict()
    places = [tensor.data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(set(places)) == len(places), "two names share one tensor"
    assert all(tensor.is_contiguous() for tensor in state.values()), "a tensor is not contiguous"


def weights_come_from_the_global_generator_alone(case: ModuleCase) -> None:
    """One seed gives one set of weights; another seed gives another, where there are any."""
    nets = [case.build(seed) for seed in (1, 1, 2)]
    first, again, other = (net.state_dict() for net in nets)
    assert all(torch.equal(first[k], again[k]) for k in first), "one seed gave two sets of weights"
    if any(True for _ in nets[0].parameters()):
        assert any(not torch.equal(first[k], other[k]) for k in first), "two seeds gave the same weights"


def building_touches_nothing_outside(case: ModuleCase) -> None:
    """No network, and no file outside the temporary folder, while it is built."""
    with watching() as notes:
        case.build()
    assert not notes, "; ".join(notes[:3])


# ---------------------------------------------------------------- a pass


def state_round_trip_gives_bitwise_equal_output(case: PassCase) -> None:
    """Saved as safetensors and loaded strictly into a meta build, it computes the same bits."""
    net = trained_a_little(case).eval()
    twin = case.build(device="meta").eval()
    twin.load_state_dict(unpack(pack(net.state_dict(), {}), str(case)), strict=True, assign=True)
    left = [name for name, tensor in (*twin.named_parameters(), *twin.named_buffers()) if tensor.is_meta]
    assert not left, f"without a value after loading: {left}"
    same_outputs(case, net, twin)


def deep_copy_is_independent_and_equal(case: PassCase) -> None:
    """An EMA or a teacher starts as a deep copy: same output, no shared tensor."""
    net = trained_a_little(case).eval()
    twin = copy.deepcopy(net)
    same_outputs(case, net, twin)
    mine = {tensor.data_ptr() for tensor in net.state_dict().values() if tensor.numel()}
    assert not mine & {tensor.data_ptr() for tensor in twin.state_dict().values()}
    if not any(True for _ in net.parameters()):
        return
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        before, after = case.outputs(net, case.batch(2)), case.outputs(twin, case.batch(2))
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)), "the copy still reads the original"


def gradients_reach_every_parameter(case: PassCase) -> None:
    """Each one gets a finite gradient, and a non-zero one where no batch statistic cancels it; after two steps, so
    that blocks which start at zero have left it."""
    net, x = trained_a_little(case), case.batch(8)
    if not any(True for _ in net.parameters()):
        return
    for training in (True, False):
        net.train(training).zero_grad()
        torch.stack([_slanted(out) for out in case.outputs(net, x)]).sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert parameter.grad.isfinite().all(), f"{name} gets a gradient that is not finite"
            assert training or parameter.grad.any(), f"{name} gets a zero gradient"


def eval_is_deterministic_and_changes_nothing(case: PassCase) -> None:
    """In eval mode two passes give the same bits and leave the state as it was."""
    net = trained_a_little(case).eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    same_outputs(case, net, net)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()), "a pass in eval mode changed the state"


def batch_mates_do_not_change_a_sample(case: PassCase) -> None:
    """In eval mode a sample's output is its own, whoever else is in the batch (beyond rounding)."""
    net, x = trained_a_little(case).eval(), case.batch(4)
    with torch.no_grad():
        together = case.outputs(net, x)
        alone = [case.outputs(net, x[i : i + 1]) for i in range(len(x))]
    for i, whole in enumerate(together):
        single = torch.cat([outputs[i] for outputs in alone])
        torch.testing.assert_close(whole, single, rtol=1e-4, atol=1e-5 * max(1.0, float(whole.abs().max())))


def inputs_are_left_alone(case: PassCase) -> None:
    """No layer writes into the batch that it was given."""
    x = case.batch(3)
    before = x.clone()
    case.outputs(case.build(), x)
    assert torch.equal(x, before)


# ---------------------------------------------------------------- helpers


def trained_a_little(case: PassCase) -> nn.Module:
    """The component after two steps: statistics, biases and spectral vectors have left their start."""
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


def same_outputs(case: PassCase, one: nn.Module, other: nn.Module) -> None:
    """Both give the same bits for the same batch."""
    x = case.batch(3)
    with torch.no_grad():
        for a, b in zip(case.outputs(one, x), case.outputs(other, x), strict=True):
            assert torch.equal(a, b), f"outputs differ by up to {float((a - b).abs().max()):.3g}"


def _slanted(out: Tensor) -> Tensor:
    return (out * torch.linspace(-1.0, 1.0, out.numel()).view_as(out)).sum()


STATE_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    meta_build_equals_real_build,
    every_tensor_is_saved,
    tensors_are_contiguous_and_listed_once,
    weights_come_from_the_global_generator_alone,
    building_touches_nothing_outside,
)
PASS_CHECKS: tuple[Check, ...] = (
    *STATE_CHECKS,
    state_round_trip_gives_bitwise_equal_output,
    deep_copy_is_independent_and_equal,
    gradients_reach_every_parameter,
    eval_is_deterministic_and_changes_nothing,
    batch_mates_do_not_change_a_sample,
    inputs_are_left_alone,
)
