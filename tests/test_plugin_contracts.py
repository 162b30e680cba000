"""What every encoder and generator promises, checked for each one that zoo-mlp and zoo-dcgan can build.

A check is a plain function of a `Case` that fails by assertion; it knows no component by name. The tables at
the end of the file are all that a further plugin adds to.
"""

from __future__ import annotations

import copy
import importlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import safetensors.torch
import torch
import zoo_dcgan.config as dcgan
import zoo_dcgan.plugin
import zoo_mlp.config as mlp
import zoo_mlp.plugin
from torch import Tensor, nn
from zoo_dcgan.encoder import DcganEncoder
from zoo_dcgan.generator import DcganGenerator
from zoo_mlp.encoder import MlpEncoder
from zoo_mlp.generator import MlpGenerator

from zoo.config import from_plain, to_plain
from zoo.errors import ConfigError
from zoo.specs import DataSpec

LATENT = 5


@dataclass(frozen=True)
class Case:
    """A component to build: its target, a config of its own and the data it is asked to fit."""

    name: str
    factory: Callable[..., nn.Module]
    config: Any
    data: DataSpec
    latent_dim: int | None = None

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The component with weights drawn from `seed`."""
        extra = () if self.latent_dim is None else (self.latent_dim,)
        with torch.random.fork_rng(devices=[]), torch.device(device):
            torch.manual_seed(seed)
            return self.factory(self.config, self.data, *extra)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n samples in the value range, or n codes for a generator."""
        rng = torch.Generator().manual_seed(n)
        if self.latent_dim is not None:
            return torch.randn(n, self.latent_dim, generator=rng).to(device)
        unit = torch.rand(n, *self.data.shape, generator=rng)
        return (self.data.low + (self.data.high - self.data.low) * unit).to(device)


# ---------------------------------------------------------------- what any network promises


def meta_build_equals_real_build(case: Case) -> None:
    """Names, shapes and dtypes of the state are the same on the meta device, and all of it is there."""
    real, meta = case.build().state_dict(), case.build(device="meta").state_dict()
    assert [(k, v.shape, v.dtype) for k, v in real.items()] == [(k, v.shape, v.dtype) for k, v in meta.items()]
    assert {v.device.type for v in meta.values()} == {"meta"}


def every_buffer_is_saved(case: Case) -> None:
    """A buffer that is not in the state dict would be lost between saving and loading."""
    net = case.build()
    assert {name for name, _ in net.named_buffers()} <= set(net.state_dict())


def no_tensor_is_listed_twice(case: Case) -> None:
    """Shared tensors cannot be written to safetensors and count twice."""
    state = case.build().state_dict()
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)


def weights_come_from_the_global_generator_alone(case: Case) -> None:
    """One seed gives one set of weights; another seed gives another."""
    first, again, other = (case.build(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


def state_round_trip_gives_bitwise_equal_output(case: Case) -> None:
    """Saved to safetensors and loaded strictly into a meta build, it computes the same bits."""
    net = trained_a_little(case)
    saved = safetensors.torch.save({k: v.contiguous() for k, v in net.state_dict().items()})
    twin = case.build(device="meta")
    twin.load_state_dict(safetensors.torch.load(saved), strict=True, assign=True)
    x = case.batch(3)
    assert_same_outputs(net.eval(), twin.eval(), x)


def deep_copy_is_independent_and_equal(case: Case) -> None:
    """An EMA or a teacher starts as a deep copy: same output, no shared tensor."""
    net = trained_a_little(case).eval()
    twin = copy.deepcopy(net)
    assert_same_outputs(net, twin, case.batch(3))
    mine = {tensor.data_ptr() for tensor in net.state_dict().values()}
    assert not mine & {tensor.data_ptr() for tensor in twin.state_dict().values()}


def gradients_reach_every_parameter(case: Case) -> None:
    """Each one gets a finite gradient, and a non-zero one where no batch statistic cancels it."""
    net, x = trained_a_little(case), case.batch(8)
    for training in (True, False):
        net.train(training).zero_grad()
        out = net(x)
        (out * torch.linspace(-1.0, 1.0, out.numel()).view_as(out)).sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert parameter.grad.isfinite().all(), f"{name} gets a gradient that is not finite"
            assert training or parameter.grad.any(), f"{name} gets a zero gradient"


def eval_is_deterministic_and_changes_nothing(case: Case) -> None:
    """In eval mode two passes give the same bits and leave the state as it was."""
    net = trained_a_little(case).eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert_same_outputs(net, net, case.batch(3))
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def batch_mates_do_not_change_a_sample(case: Case) -> None:
    """In eval mode a sample's output is its own, whoever else is in the batch."""
    net, x = trained_a_little(case).eval(), case.batch(4)
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def inputs_are_left_alone(case: Case) -> None:
    """No layer writes into the batch that it was given."""
    x = case.batch(3)
    before = x.clone()
    case.build()(x)
    assert torch.equal(x, before)


def config_survives_plain_data(case: Case) -> None:
    """What a manifest stores of a config reads as the same config, which writes the same again."""
    plain = to_plain(case.config)
    again = from_plain(type(case.config), plain, case.name)
    assert again == case.config
    assert to_plain(again) == plain
    defaults = to_plain(from_plain(type(case.config), {}, case.name))
    assert defaults.keys() <= plain.keys(), "a setting left at its default is not written out"


def unknown_settings_are_refused(case: Case) -> None:
    """A misspelt key is an error that offers the right one."""
    key = next(iter(to_plain(case.config)))
    with pytest.raises(ConfigError, match="has no setting") as caught:
        from_plain(type(case.config), {key + "x": 1}, case.name)
    assert key in caught.value.hint


# ---------------------------------------------------------------- what an encoder promises


def features_have_the_declared_shapes(case: Case) -> None:
    """Embedding and stages are as declared for any batch size, and `forward` is the embedding."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        assert net.data == case.data
        for n in (1, 2, 3):
            x = case.batch(n, device)
            embedding, stages = net.features(x)
            assert embedding.shape == (n, net.embedding_dim)
            assert [stage.shape[:2] for stage in stages] == [(n, c) for c in net.stage_channels]
            assert device == "meta" or torch.equal(embedding, net(x))


def stages_go_from_fine_to_coarse(case: Case) -> None:
    """No stage is larger in space than the one before it."""
    net: Any = case.build(device="meta")
    areas = [stage[0, 0].numel() for stage in net.eval().features(case.batch(2, "meta")).stages]
    assert areas == sorted(areas, reverse=True)


def gradient_penalties_reach_the_weights(case: Case) -> None:
    """The gradient with respect to x can be differentiated again (R1), in training mode."""
    net, x = trained_a_little(case), case.batch(4).requires_grad_()
    (slope,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
    torch.autograd.backward(slope.square().sum())
    weights = [p for p in net.parameters() if p.ndim > 1]
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in weights)


# ---------------------------------------------------------------- what a generator promises


def samples_have_the_declared_shape(case: Case) -> None:
    """One sample of the data's shape per code, for any batch size."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        assert (net.data, net.latent_dim) == (case.data, case.latent_dim)
        for n in (1, 2, 3):
            assert net(case.batch(n, device)).shape == (n, *case.data.shape)


def samples_stay_in_the_value_range(case: Case) -> None:
    """Neither codes far out nor large weights push a sample out of the range."""
    net = case.build().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(30.0)
        x = net(case.batch(32) * 1e4)
    assert x.min() >= case.data.low
    assert x.max() <= case.data.high


def a_linear_map_of_z_folds_into_first(case: Case) -> None:
    """`first` is None, or G(A z + m) equals G with W A for W and b + W m for b."""
    net: Any = trained_a_little(case).eval()
    if net.first is None:
        return
    assert net.first.in_features == case.latent_dim
    rng = torch.Generator().manual_seed(0)
    z, matrix = case.batch(4), torch.randn(LATENT, LATENT, generator=rng)
    shift = torch.randn(LATENT, generator=rng)
    with torch.no_grad():
        expected = net(z @ matrix.T + shift)
        net.first.bias += net.first.weight @ shift
        net.first.weight.copy_(net.first.weight @ matrix)
        torch.testing.assert_close(net(z), expected, rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------- helpers


def trained_a_little(case: Case) -> nn.Module:
    """The component after two steps: statistics, biases and spectral vectors have left their start."""
    net = case.build().train()
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        net(case.batch(8)).square().mean().backward()
        optimiser.step()
    net.zero_grad()
    return net


def assert_same_outputs(one: nn.Module, other: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        assert torch.equal(one(x), other(x))


# ---------------------------------------------------------------- the cases

GREY8, COLOUR16 = DataSpec((1, 8, 8)), DataSpec((3, 16, 16), low=0.0, high=1.0)
GREY64, VECTOR = DataSpec((2, 64, 64)), DataSpec((7,), low=-0.3, high=2.1)

ENCODERS = [
    Case("mlp-default", MlpEncoder, mlp.EncoderConfig(), GREY8),
    Case("mlp-vector", MlpEncoder, mlp.EncoderConfig((6, 4), "tanh"), VECTOR),
    Case("mlp-batch", MlpEncoder, mlp.EncoderConfig((6, 4, 5), "silu", "batch"), GREY8),
    Case("mlp-layer", MlpEncoder, mlp.EncoderConfig((6, 4), "gelu", "layer", 0.3), COLOUR16),
    Case("mlp-spectral", MlpEncoder, mlp.EncoderConfig((8, 6), "leaky_relu", "spectral"), GREY64),
    *(
        Case(f"dcgan-{norm}-{data.shape[-1]}", DcganEncoder, dcgan.EncoderConfig(4, norm=norm), data)
        for norm in ("none", "batch", "spectral", "group")
        for data in (GREY8, COLOUR16, GREY64)
    ),
    Case("dcgan-capped", DcganEncoder, dcgan.EncoderConfig(3, max_width=5, norm="group", slope=0.0), COLOUR16),
]

GENERATORS = [
    Case("mlp-default", MlpGenerator, mlp.GeneratorConfig(), GREY8, LATENT),
    Case("mlp-linear", MlpGenerator, mlp.GeneratorConfig(()), COLOUR16, LATENT),
    Case("mlp-vector", MlpGenerator, mlp.GeneratorConfig((6, 4), "tanh"), VECTOR, LATENT),
    Case("mlp-batch", MlpGenerator, mlp.GeneratorConfig((8, 6), "leaky_relu", "batch"), GREY8, LATENT),
    Case("mlp-layer", MlpGenerator, mlp.GeneratorConfig((8,), "gelu", "layer", 0.3), COLOUR16, LATENT),
    Case("mlp-spectral", MlpGenerator, mlp.GeneratorConfig((8, 6), "silu", "spectral"), GREY64, LATENT),
    *(
        Case(
            f"dcgan-{norm}-{data.shape[-1]}",
            DcganGenerator,
            dcgan.GeneratorConfig(4, norm=norm),
            data,
            LATENT,
        )
        for norm in ("none", "batch", "spectral", "group")
        for data in (GREY8, COLOUR16, GREY64)
    ),
    *(
        Case(
            f"dcgan-{norm}-nearest",
            DcganGenerator,
            dcgan.GeneratorConfig(4, norm=norm, upsample="nearest"),
            COLOUR16,
            LATENT,
        )
        for norm in ("none", "batch", "spectral", "group")
    ),
    Case(
        "dcgan-odd-range",
        DcganGenerator,
        dcgan.GeneratorConfig(3, max_width=5, activation="leaky_relu"),
        DataSpec((1, 16, 16), low=-0.3, high=2.1),
        LATENT,
    ),
]

ANY = [
    meta_build_equals_real_build,
    every_buffer_is_saved,
    no_tensor_is_listed_twice,
    weights_come_from_the_global_generator_alone,
    state_round_trip_gives_bitwise_equal_output,
    deep_copy_is_independent_and_equal,
    gradients_reach_every_parameter,
    eval_is_deterministic_and_changes_nothing,
    batch_mates_do_not_change_a_sample,
    inputs_are_left_alone,
    config_survives_plain_data,
    unknown_settings_are_refused,
]
OF_ENCODERS = [
    *ANY,
    features_have_the_declared_shapes,
    stages_go_from_fine_to_coarse,
    gradient_penalties_reach_the_weights,
]
OF_GENERATORS = [
    *ANY,
    samples_have_the_declared_shape,
    samples_stay_in_the_value_range,
    a_linear_map_of_z_folds_into_first,
]

PLUGINS = (zoo_mlp.plugin, zoo_dcgan.plugin)

Check = Callable[[Case], None]


@pytest.mark.parametrize("check", OF_ENCODERS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", ENCODERS, ids=lambda case: case.name)
def test_encoders_keep_their_contract(case: Case, check: Check) -> None:
    """Each check states its own promise."""
    check(case)


@pytest.mark.parametrize("check", OF_GENERATORS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", GENERATORS, ids=lambda case: case.name)
def test_generators_keep_their_contract(case: Case, check: Check) -> None:
    """Each check states its own promise."""
    check(case)


def test_every_component_of_the_plugins_is_among_the_cases() -> None:
    """A component that a plugin adds without a case here is not let through."""
    offered = {
        (resolve(record.target), resolve(record.config)) for plugin in PLUGINS for record in plugin.zoo_components()
    }
    assert offered == {(case.factory, type(case.config)) for case in (*ENCODERS, *GENERATORS)}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.__name__)
def test_plugin_and_config_modules_import_no_torch(plugin: Any) -> None:
    """Listing and checking settings must not cost the seconds that importing torch takes."""
    modules = {plugin.__name__, *(record.config.partition(":")[0] for record in plugin.zoo_components())}
    code = f"import sys, {', '.join(sorted(modules))}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
