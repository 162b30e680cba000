"""The kit catches what it promises to catch: one deliberate fault each, found by the check of that name."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo import plugins, testing
from zoo.losses.types import StepContext
from zoo.networks.types import Features, Posterior
from zoo.testing import (
    BottleneckCase,
    EncoderCase,
    EncoderContract,
    GeneratorCase,
    MetricCase,
    ObjectiveCase,
    PriorCase,
    RegulariserCase,
    TransferCase,
)
from zoo.testing.conformance import plugin as conformance
from zoo.testing.conformance.bottlenecks import BOTTLENECK_CHECKS
from zoo.testing.conformance.metrics import METRIC_CHECKS
from zoo.testing.conformance.networks import ENCODER_CHECKS, GENERATOR_CHECKS
from zoo.testing.conformance.objectives import OBJECTIVE_CHECKS
from zoo.testing.conformance.plugin import check_plugin
from zoo.testing.conformance.priors import PRIOR_CHECKS
from zoo.testing.conformance.regularisers import REGULARISER_CHECKS
from zoo.testing.conformance.transfers import TRANSFER_CHECKS
from zoo.transfers.plan import Edit, Slot, TransferPlan, TransferStrategy
from zoo.types import KINDS, Component, DataSpec

DATA = DataSpec((1, 8, 8))


@dataclass(frozen=True)
class Config:
    """One setting."""

    width: int = 4


class Good(nn.Module):
    """An encoder without a fault."""

    stage_channels: tuple[int, ...] = (6,)

    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.conv = nn.Conv2d(1, 6, 4, 2, 1)
        self.norm = nn.BatchNorm2d(6)
        self.embedding_shape = (6 * 16,)

    def features(self, x: Tensor) -> Features:
        stage = self.norm(self.conv(x)).tanh()
        return Features(stage.flatten(1), (stage,))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).embedding


class LosesABuffer(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.register_buffer("gain", torch.ones(1), persistent=False)


class HidesATensor(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.gain = torch.ones(1)


class TiesWeights(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.twin = self.conv


class IgnoresTheSeed(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        for weight in self.parameters():
            nn.init.constant_(weight, 0.1)


class LeavesAWeightOut(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.unused = nn.Linear(2, 2)


class IsRandomInEval(Good):
    def features(self, x: Tensor) -> Features:
        stage = super().features(x).stages[0] + 0.01 * torch.randn(1, device=x.device)
        return Features(stage.flatten(1), (stage,))


class MixesTheBatch(Good):
    def features(self, x: Tensor) -> Features:
        stage = super().features(x - x.mean(0)).stages[0]
        return Features(stage.flatten(1), (stage,))


class WritesIntoItsInput(Good):
    def features(self, x: Tensor) -> Features:
        return super().features(x if x.requires_grad else x.mul_(0.5))


class DeclaresAnotherWidth(Good):
    stage_channels = (5,)


class GivesChannelsLast(Good):
    def features(self, x: Tensor) -> Features:
        embedding, (stage,) = super().features(x)
        return Features(embedding, (stage.permute(0, 2, 3, 1),))


class HasOtherShapesOnMeta(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        if self.conv.weight.is_meta:
            self.register_buffer("extra", torch.ones(1))


class HasNoSecondDerivative(Good):
    def features(self, x: Tensor) -> Features:
        stage = nn.functional.hardsigmoid(self.norm(self.conv(x)))
        return Features(stage.flatten(1), (stage,))


class WritesAFile(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        with contextlib.suppress(OSError):
            open("/nowhere/cache.bin", "wb")  # noqa: SIM115


class ReachesOut(Good):
    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        import socket

        with contextlib.suppress(OSError):
            socket.getaddrinfo("localhost", 80)


class SharesATensorWithItsCopy(Good):
    def __deepcopy__(self, memo: dict[int, Any]) -> Good:
        twin = Good(Config(), self.data)
        twin.conv, twin.norm = self.conv, self.norm
        return twin.eval()


class GoodGenerator(nn.Module):
    """A generator without a fault."""

    def __init__(self, config: Config, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data, self.code_shape = data, code_shape
        self.first = nn.Linear(code_shape[0], data.size)

    def forward(self, z: Tensor) -> Tensor:
        return self.first(z).tanh().unflatten(1, self.data.shape)


class LeavesTheRange(GoodGenerator):
    def forward(self, z: Tensor) -> Tensor:
        return self.first(z).unflatten(1, self.data.shape)


class NamesAFirstThatIsNone(GoodGenerator):
    def forward(self, z: Tensor) -> Tensor:
        return self.first(z.tanh()).tanh().unflatten(1, self.data.shape)


class FlipsD(nn.Module):
    """An objective whose discriminator learns the opposite."""

    paired = False

    def __init__(self, config: Config) -> None:
        super().__init__()

    def d_loss(self, context: Any) -> Tensor:
        return (context.real_output.logits - context.fake_output.logits).mean()

    def g_loss(self, context: Any) -> Tensor:
        return -context.fake_output.logits.mean()

    def after_step(self, context: Any) -> None: ...


class Strategy(TransferStrategy):
    """A strategy without a fault: it does nothing."""

    slots: frozenset[Slot] = frozenset()
    requires: frozenset[Any] = frozenset()

    def __init__(self, config: Config) -> None:
        self.config = config

    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan)

    def noop_config(self) -> Any:
        return self.config


class IsNotNeutral(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        zero = Edit("generator", "first.bias", "copied", "one", lambda values: values.nets["generator"].first.bias + 1)  # type: ignore[operator]
        return TransferPlan(gan, [zero])


class GivesNoReason(Strategy):
    def noop_config(self) -> Any:
        return None


class DrawsAtRandom(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        noise = Edit(
            "generator",
            "first.bias",
            "copied",
            "noise",
            lambda values: torch.randn(values.nets["generator"].first.bias.shape),
        )  # type: ignore[union-attr]
        return TransferPlan(gan, [noise])


class ReadsWeights(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        float(next(source.parameters()).detach().sum())
        return TransferPlan(gan)


class ChangesTheSource(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        with torch.no_grad():
            next(source.parameters()).zero_()
        return TransferPlan(gan)


class NamesNoTensor(Strategy):
    def plan(self, source: Any, gan: Any) -> TransferPlan:
        return TransferPlan(gan, frozen={"generator": {"no.such.weight"}})


class GoodBottleneck(nn.Module):
    """A bottleneck without a fault."""

    def __init__(self, config: Config, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.mean = nn.Linear(embedding_shape[0], code_shape[0])

    def forward(self, embedding: Tensor) -> Posterior:
        mean = self.mean(embedding)
        return Posterior(mean, mean.tanh())


class GivesAPair(GoodBottleneck):
    def forward(self, embedding: Tensor) -> Any:
        return tuple(super().forward(embedding))


class CutsTheGradient(GoodBottleneck):
    def forward(self, embedding: Tensor) -> Posterior:
        return super().forward(embedding.detach())


class LetsTheVarianceOverflow(GoodBottleneck):
    def forward(self, embedding: Tensor) -> Posterior:
        mean = self.mean(embedding)
        return Posterior(mean, mean)


class GoodPrior(nn.Module):
    """A prior without a fault."""

    scale: Tensor

    def __init__(self, config: Config, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.register_buffer("scale", torch.ones(code_shape))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, *self.code_shape, generator=rng) * self.scale


class DrawsTooMany(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n + 1, rng)


class DrawsOneCode(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(1, rng).repeat(n, 1)


class IgnoresTheStream(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n)


class ForgetsItsScale(GoodPrior):
    def __init__(self, config: Config, code_shape: tuple[int, ...]) -> None:
        super().__init__(config, code_shape)
        self.gain = float(torch.rand(1, device="cpu"))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n, rng) * self.gain


class GoodPenalty:
    """A penalty without a fault: R1 with another name."""

    interval = 2
    inputs: Any = frozenset({"real"})

    def __init__(self, config: Config) -> None: ...

    def penalty(self, context: StepContext) -> Tensor:
        assert context.real_output is not None
        (slope,) = torch.autograd.grad(context.real_output.logits.sum(), context.real, create_graph=True)
        return slope.square().mean()


class NeedsSomethingElse(GoodPenalty):
    inputs = frozenset({"real", "images"})


class IsAPenaltyASample(GoodPenalty):
    def penalty(self, context: StepContext) -> Tensor:
        return super().penalty(context).expand(8)


class ReachesNoWeight(GoodPenalty):
    def penalty(self, context: StepContext) -> Tensor:
        return super().penalty(context).detach().requires_grad_()


class RewardsSteepness(GoodPenalty):
    def penalty(self, context: StepContext) -> Tensor:
        return -super().penalty(context)


class HasAnothersGradient(GoodPenalty):
    def penalty(self, context: StepContext) -> Tensor:
        value = super().penalty(context)
        return 2 * value.detach() - value


class DrawsFromTheGlobalStream(GoodPenalty):
    def penalty(self, context: StepContext) -> Tensor:
        return super().penalty(context) * torch.rand(())


class GoodSpace(nn.Module):
    """A feature space without a fault."""

    dim = 4

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sha256 = "0" * 64

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images.mean(1), 2).flatten(1)


class HasNoDigest(GoodSpace):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.sha256 = "v1"


class IsRandom(GoodSpace):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.shift = float(torch.rand(()))

    def features(self, images: Tensor) -> Tensor:
        return super().features(images) + self.shift


class DeclaresAnotherDim(GoodSpace):
    dim = 5


class ComparesInTheBatch(GoodSpace):
    def features(self, images: Tensor) -> Tensor:
        return super().features(images - images.mean(0))


FAULTS: list[tuple[str, type, str]] = [
    ("encoder", LosesABuffer, "every_tensor_is_saved"),
    ("encoder", HidesATensor, "every_tensor_is_saved"),
    ("encoder", TiesWeights, "tensors_are_contiguous_and_listed_once"),
    ("encoder", IgnoresTheSeed, "weights_come_from_the_global_generator_alone"),
    ("encoder", LeavesAWeightOut, "gradients_reach_every_parameter"),
    ("encoder", IsRandomInEval, "eval_is_deterministic_and_changes_nothing"),
    ("encoder", MixesTheBatch, "batch_mates_do_not_change_a_sample"),
    ("encoder", WritesIntoItsInput, "inputs_are_left_alone"),
    ("encoder", DeclaresAnotherWidth, "features_have_the_declared_shapes"),
    ("encoder", GivesChannelsLast, "features_have_the_declared_shapes"),
    ("encoder", HasOtherShapesOnMeta, "meta_build_equals_real_build"),
    ("encoder", HasNoSecondDerivative, "gradient_penalties_reach_the_weights"),
    ("encoder", WritesAFile, "building_touches_nothing_outside"),
    ("encoder", ReachesOut, "building_touches_nothing_outside"),
    ("encoder", SharesATensorWithItsCopy, "deep_copy_is_independent_and_equal"),
    ("generator", LeavesTheRange, "samples_stay_in_the_value_range"),
    ("generator", NamesAFirstThatIsNone, "a_linear_map_of_z_folds_into_first"),
    ("objective", FlipsD, "losses_point_the_right_way"),
    ("transfer", IsNotNeutral, "a_noop_strategy_equals_scratch"),
    ("transfer", GivesNoReason, "a_noop_strategy_equals_scratch"),
    ("transfer", DrawsAtRandom, "applying_twice_gives_the_same_values"),
    ("transfer", ReadsWeights, "planning_reads_no_weight"),
    ("transfer", ChangesTheSource, "planning_changes_neither_source_nor_random_numbers"),
    ("transfer", NamesNoTensor, "the_report_is_complete"),
    ("bottleneck", GivesAPair, "codes_have_the_declared_shape"),
    ("bottleneck", CutsTheGradient, "gradients_reach_the_embedding"),
    ("bottleneck", LetsTheVarianceOverflow, "far_embeddings_give_finite_codes"),
    ("prior", DrawsTooMany, "codes_have_the_declared_shape"),
    ("prior", DrawsOneCode, "codes_differ_from_each_other"),
    ("prior", IgnoresTheStream, "the_stream_decides_the_codes"),
    ("prior", ForgetsItsScale, "state_round_trip_gives_bitwise_equal_codes"),
    ("regulariser", NeedsSomethingElse, "it_says_when_it_is_due_and_what_it_needs"),
    ("regulariser", IsAPenaltyASample, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", ReachesNoWeight, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", RewardsSteepness, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", HasAnothersGradient, "training_lowers_the_penalty"),
    ("regulariser", DrawsFromTheGlobalStream, "it_uses_the_contexts_random_generator_and_changes_nothing"),
    ("metric", HasNoDigest, "its_weights_are_named_by_their_digest"),
    ("metric", IsRandom, "building_it_touches_nothing_outside"),
    ("metric", DeclaresAnotherDim, "features_have_the_declared_shape"),
    ("metric", ComparesInTheBatch, "features_are_the_images_own"),
]
SOUND: list[tuple[str, type]] = [
    ("encoder", Good),
    ("generator", GoodGenerator),
    ("transfer", Strategy),
    ("bottleneck", GoodBottleneck),
    ("prior", GoodPrior),
    ("regulariser", GoodPenalty),
    ("metric", GoodSpace),
]
CHECKS: dict[str, tuple[Callable[[Any], None], ...]] = {
    "bottleneck": BOTTLENECK_CHECKS,
    "prior": PRIOR_CHECKS,
    "regulariser": REGULARISER_CHECKS,
    "metric": METRIC_CHECKS,
    "encoder": ENCODER_CHECKS,
    "generator": GENERATOR_CHECKS,
    "objective": OBJECTIVE_CHECKS,
    "transfer": TRANSFER_CHECKS,
}
NETWORKS = {"encoder": EncoderCase, "generator": GeneratorCase}
OTHERS: dict[str, Callable[[str], Any]] = {
    "bottleneck": BottleneckCase,
    "prior": PriorCase,
    "transfer": TransferCase,
    "objective": ObjectiveCase,
    "regulariser": RegulariserCase,
    "metric": MetricCase,
}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, type], Any]]:
    """Offers a class of this file as a component of the plugin `faulty`; gives its case."""
    real = plugins.host()

    def registered(kind: str, target: type) -> Any:
        plugin = plugins.Plugin("faulty", __name__, "faulty", "1.0", "ready")
        record = Component(kind, target.__name__, f"{__name__}:{target.__name__}", f"{__name__}:Config")  # type: ignore[arg-type]
        host = plugins.Host(
            real.plugins, (*real.components, plugins.RegisteredComponent(record, plugin)), real.registries
        )
        monkeypatch.setattr("zoo.plugins.lookup.host", lambda: host)
        name = f"faulty/{target.__name__}"
        return OTHERS[kind](name) if kind in OTHERS else NETWORKS[kind](name, {}, DATA)

    return registered  # type: ignore[return-value]


def failing(kind: str, case: Any) -> list[str]:
    found = []
    for check in CHECKS[kind]:
        if check.__name__ == "plugin_and_config_modules_import_no_torch":
            continue  # these classes live in a test that imports torch
        try:
            check(case)
        except Exception:
            found.append(check.__name__)
    return found


@pytest.mark.parametrize(
    ("kind", "target", "expected"), FAULTS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_fault_is_found_by_its_check(offered: Any, kind: str, target: type, expected: str) -> None:
    assert expected in failing(kind, offered(kind, target))


@pytest.mark.parametrize(("kind", "target"), SOUND, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_sound_component_passes_every_check(offered: Any, kind: str, target: type) -> None:
    assert failing(kind, offered(kind, target)) == []


def test_a_contract_that_would_check_nothing_is_an_error_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="would check nothing"):
        type("TestEmpty", (EncoderContract,), {"cases": ()})
    with pytest.raises(TypeError, match="begins with Test"):
        type("TinyContract", (EncoderContract,), {"cases": (EncoderCase("mlp"),)})


def test_only_the_kit_for_pytest_imports_pytest() -> None:
    code = """
        import sys, zoo.cli.plugins
        import zoo.testing.conformance.networks, zoo.testing.conformance.transfers, zoo.testing.conformance.objectives
        import zoo.testing.conformance.datasets, zoo.testing.conformance.plugin
        assert 'pytest' not in sys.modules
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_component_that_needs_settings_is_noted_and_not_failed() -> None:
    """`zoo plugins check` knows no settings for it; that nothing ran is no success either."""
    verdict = check_plugin("core", "perceptual")
    assert not verdict.failures
    assert "core/perceptual has no default for encoder" in verdict.notes[0]
    assert not verdict.passed


def test_every_kind_of_component_has_checks_a_case_and_a_contract() -> None:
    assert {*conformance.NETWORKS, *conformance.OTHERS} == set(KINDS)
    contracts = {name.removesuffix("Contract").lower() for name in testing.__all__ if name.endswith("Contract")}
    assert contracts == set(KINDS)
