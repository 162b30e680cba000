"""Checks of every component that is an `nn.Module`: its state, and its forward pass."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoo._utils.tensors import pack, unpack
from zoo.networks.utils import always_frozen
from zoo.testing.conformance.cases import ComponentCase, ForwardCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.testing.conformance.randomness import training_draws_from_torchs_generators_alone
from zoo.testing.conformance.watch import watching

__all__ = ["FORWARD_CHECKS", "STATE_CHECKS", "Check", "assert_close", "assert_shape", "briefly_trained", "same_outputs"]

_ROUNDING = 1e-4
"""How much a sample's output may change with the batch's size, as a fraction of the largest output."""


# ---------------------------------------------------------------- its state


def meta_build_equals_real_build(case: ComponentCase) -> None:
    """On the meta device the state has the same names, shapes and dtypes, and all of it is on that device."""
    real, meta = case.build().state_dict(), case.build(device="meta").state_dict()
    one, other = ({(k, tuple(v.shape), str(v.dtype)) for k, v in state.items()} for state in (real, meta))
    assert list(real) == list(meta), f"on one device alone: {sorted(real.keys() ^ meta.keys()) or 'another order'}"
    assert one == other, f"these differ in shape or dtype: {sorted(one ^ other)}"
    placed = [name for name, value in meta.items() if not value.is_meta]
    assert not placed, f"not on the meta device: {placed}"


def every_tensor_is_saved(case: ComponentCase) -> None:
    """Every tensor is a parameter or a persistent buffer: any other would have no value after a build on meta."""
    net = case.build()
    unsaved = {name for name, _ in net.named_buffers()} - set(net.state_dict())
    assert not unsaved, f"not in the state dict: {sorted(unsaved)}"
    for name, module in net.named_modules():
        plain = [key for key, value in vars(module).items() if isinstance(value, Tensor)]
        assert not plain, f"{name or 'the net'} has a tensor in a plain attribute: {plain[0]}"


def tensors_are_contiguous_and_listed_once(case: ComponentCase) -> None:
    """Saving loses that tensors are shared, and changes the layout of strided ones."""
    state = case.build().state_dict()
    pointers = [tensor.data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(set(pointers)) == len(pointers), "two names share one tensor"
    assert all(tensor.is_contiguous() for tensor in state.values()), "a tensor is not contiguous"


def weights_come_from_the_global_generator_alone(case: ComponentCase) -> None:
    """The same seed gives the same weights, another seed gives others."""
    nets = [case.build(seed) for seed in (1, 1, 2)]
    first, second, other = (net.state_dict() for net in nets)
    assert all(torch.equal(first[k], second[k]) for k in first), "one seed gave two sets of weights"
    if any(True for _ in nets[0].parameters()):
        assert any(not torch.equal(first[k], other[k]) for k in first), "two seeds gave the same weights"


# ---------------------------------------------------------------- a pass


def state_round_trip_gives_bitwise_equal_output(case: ForwardCase) -> None:
    """After saving as safetensors and strict loading into a meta build, the output is bitwise equal."""
    net = briefly_trained(case).eval()
    loaded = case.build(device="meta").eval()
    loaded.load_state_dict(unpack(pack(net.state_dict(), {}), str(case)), strict=True, assign=True)
    missing = [name for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()) if tensor.is_meta]
    assert not missing, f"without a value after loading: {missing}"
    same_outputs(case, net, loaded, "before saving and after loading")


def deep_copy_is_independent_and_equal(case: ForwardCase) -> None:
    """A deep copy, as EMA and teachers use, has the same output and shares no tensor."""
    net = briefly_trained(case).eval()
    duplicate = copy.deepcopy(net)
    same_outputs(case, net, duplicate, "a net and its deep copy")
    pointers = {tensor.data_ptr() for tensor in net.state_dict().values() if tensor.numel()}
    shared = [name for name, tensor in duplicate.state_dict().items() if tensor.data_ptr() in pointers]
    assert not shared, f"the copy shares {shared[0]} with the original"
    if not any(True for _ in net.parameters()):
        return
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        zeroed, unchanged = case.outputs(net, case.batch(2)), case.outputs(duplicate, case.batch(2))
    assert any(not torch.equal(a, b) for a, b in zip(zeroed, unchanged, strict=True)), "the copy uses the original"


def gradients_reach_every_parameter(case: ForwardCase) -> None:
    """In training or eval mode every parameter gets a gradient that is not zero, and all gradients are finite;
    parameters that the net keeps frozen are left out. Tested after two steps, as blocks may start at zero."""
    net, x = briefly_trained(case), case.batch(8)
    missing = {name for name, _ in net.named_parameters()} - always_frozen(net)
    zero: set[str] = set()
    if not missing:
        return
    for training in (True, False):
        net.train(training).zero_grad()
        torch.stack([_weighted_sum(out) for out in case.outputs(net, x)]).sum().backward()
        got = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
        infinite = [name for name, gradient in got.items() if not gradient.isfinite().all()]
        assert not infinite, f"{infinite[0]} gets a gradient that is not finite"
        missing -= {name for name, gradient in got.items() if gradient.any()}
        zero |= got.keys() & missing
    assert not missing, f"{min(missing)} gets {'a zero' if min(missing) in zero else 'no'} gradient in either mode"


def eval_is_deterministic_and_changes_nothing(case: ForwardCase) -> None:
    """In eval mode two passes over the same batch are bitwise equal, draw no random numbers and do not change the
    state."""
    net = briefly_trained(case).eval()
    before, random_state = _copied(net.state_dict()), torch.get_rng_state()
    same_outputs(case, net, net, "the same pass, repeated: is it random, or does it keep something?")
    changed = [name for name, tensor in net.state_dict().items() if not torch.equal(before[name], tensor)]
    assert not changed, f"a pass in eval mode changed {changed[0]}"
    assert torch.equal(random_state, torch.get_rng_state()), "a pass in eval mode drew random numbers"


def batch_mates_do_not_change_a_sample(case: ForwardCase) -> None:
    """In eval mode a sample's output does not depend on the other samples in the batch (except for rounding)."""
    net, x = briefly_trained(case).eval(), case.batch(4)
    with torch.no_grad():
        together = case.outputs(net, x)
        alone = [case.outputs(net, x[i : i + 1]) for i in range(len(x))]
    for i, output in enumerate(together):
        single = torch.cat([outputs[i] for outputs in alone])
        assert_close(output, single, _ROUNDING, f"output {i} of samples in a batch of {len(x)} and of each alone")


def inputs_are_left_alone(case: ForwardCase) -> None:
    """No layer changes its input in place."""
    for training in (True, False):
        net, x = case.build().train(training), case.batch(3)
        before = x.clone()
        case.outputs(net, x)
        assert torch.equal(x, before), "a pass changed its input in place"


def outputs_have_the_dtype_of_the_net(case: ForwardCase) -> None:
    """A float32 net gives float32, and after `.to(torch.float64)` it gives float64."""
    for dtype in (torch.float32, torch.float64):
        net = case.build().eval().to(dtype)
        for i, output in enumerate(case.outputs(net, case.batch(1).to(dtype))):
            assert output.dtype == dtype, f"output {i} of a net in {dtype} is {output.dtype}"


def a_pass_touches_nothing_outside(case: ForwardCase) -> None:
    """A pass in training or eval mode uses no network, starts no process or thread, writes no file, prints nothing and
    changes no global setting."""
    net, x = case.build(), case.batch(2)
    with watching() as notes:
        for training in (True, False):
            case.outputs(net.train(training), x)
    assert not notes, "; ".join(notes[:3])


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


def same_outputs(case: ForwardCase, one: nn.Module, other: nn.Module, what: str) -> None:
    """Both compute bitwise equal outputs for the same batch; `what` names the comparison in the message."""
    x = case.batch(3)
    with torch.no_grad():
        for a, b in zip(case.outputs(one, x), case.outputs(other, x), strict=True):
            assert torch.equal(a, b), f"outputs differ by up to {_difference(a, b):.3g} ({what})"


def assert_close(one: Tensor, other: Tensor, tolerance: float, what: str) -> None:
    """They differ by at most `tolerance` times the largest value (times 1, if that is less)."""
    allowed = tolerance * max(1.0, float(one.detach().abs().max()))
    difference = _difference(one, other)
    assert difference <= allowed, f"{what} differ by up to {difference:.3g}; rounding explains {allowed:.3g}"


def assert_shape(tensor: Tensor, shape: tuple[int, ...], what: str) -> None:
    """`tensor` has this shape."""
    assert tuple(tensor.shape) == shape, f"{what} have the shape {tuple(tensor.shape)}, declared {shape}"


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.detach() - other.detach()).abs().max())


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


def _weighted_sum(out: Tensor) -> Tensor:
    """The weights do not cancel: a bias of all outputs gets a gradient too."""
    return (out * torch.linspace(-1.0, 2.0, out.numel()).view_as(out)).sum()


STATE_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    meta_build_equals_real_build,
    every_tensor_is_saved,
    tensors_are_contiguous_and_listed_once,
    weights_come_from_the_global_generator_alone,
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
    outputs_have_the_dtype_of_the_net,
    a_pass_touches_nothing_outside,
)
