"""The kit catches what it promises to catch: one deliberate fault each, found by the check of that name."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faulty_components as nets
import faulty_losses as losses
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo import plugins, testing
from zoo._utils.seeds import per_sample
from zoo.errors import CompositionError, ConfigError, ZooError
from zoo.losses.types import StepContext
from zoo.networks.types import Features, Noise, Posterior
from zoo.testing import EncoderCase, EncoderContract
from zoo.testing.conformance.autoencoders import AUTOENCODER_CHECKS
from zoo.testing.conformance.components import COMPONENT_CHECKS, imports_torch
from zoo.testing.conformance.kinds import CONFORMANCE, make_case
from zoo.testing.conformance.migration import MIGRATION_CHECKS
from zoo.testing.conformance.modalities import MODALITY_CHECKS
from zoo.testing.conformance.networks import a_condition_changes_its_own_output_alone
from zoo.testing.conformance.plugin import check_plugin
from zoo.transfers.plan import Edit, Slot, TransferPlan, TransferStrategy
from zoo.types import KINDS, Case, Component, DataSpec

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


class DrawsFromNumpyInTraining(Good):
    def features(self, x: Tensor) -> Features:
        return super().features(x + np.random.standard_normal() if self.training else x)


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
        return per_sample(lambda m: torch.randn(m, *self.code_shape, generator=rng), n, rng) * self.scale


class DrawsTooMany(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n + 1, rng)


class DrawsOneCode(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(1, rng).repeat(n, 1)


class IgnoresTheStream(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n)


class DrawsAllAtOnce(GoodPrior):
    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return torch.randn(2 * n, *self.code_shape, generator=rng)[n:] * self.scale


class ForgetsItsScale(GoodPrior):
    def __init__(self, config: Config, code_shape: tuple[int, ...]) -> None:
        super().__init__(config, code_shape)
        self.gain = float(torch.rand(1, device="cpu"))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        return super().sample(n, rng) * self.gain


class TellsOtherNoise(GoodPrior):
    def noise(self, n: int, rng: torch.Generator | None = None) -> Noise:
        return Noise(torch.randn(n, len(self.scale), generator=rng), torch.empty(n, 0))

    def from_noise(self, noise: Noise) -> Tensor:
        return noise.normal * self.scale + 0.01


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


class RoundsByTheBatch(nets.Encoder):
    """Without a fault: its output depends on the batch's size as rounding does."""

    def stage(self, x: Tensor) -> Tensor:
        return super().stage(x) + 1.3e-6 * len(x)


class FailsInSilence(nets.Encoder):
    def __init__(self, config: Config, data: DataSpec) -> None:
        raise KeyError


class HalvesTheEmbedding(GoodBottleneck):
    """Without a fault: the embedding has two values for each of the code."""

    def __init__(self, config: Config, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...]) -> None:
        if embedding_shape[0] != 2 * code_shape[0]:
            raise CompositionError(f"an embedding of {embedding_shape} is not twice a code of {code_shape}")
        super().__init__(config, embedding_shape, code_shape)


class MakesItsOwnSize(GoodGenerator):
    """Without a fault: it makes images of one size from codes of one size."""

    def __init__(self, config: Config, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        if data.shape != (1, 9, 9) or code_shape != (3,):
            raise CompositionError("it makes 9 px images of codes of 3 values")
        super().__init__(config, data, code_shape)


FAULTS: list[tuple[str, type, str]] = [
    ("encoder", LosesABuffer, "every_tensor_is_saved"),
    ("encoder", HidesATensor, "every_tensor_is_saved"),
    ("encoder", TiesWeights, "tensors_are_contiguous_and_listed_once"),
    ("encoder", IgnoresTheSeed, "weights_come_from_the_global_generator_alone"),
    ("encoder", LeavesAWeightOut, "gradients_reach_every_parameter"),
    ("encoder", IsRandomInEval, "eval_is_deterministic_and_changes_nothing"),
    ("encoder", DrawsFromNumpyInTraining, "training_draws_from_torchs_generators_alone"),
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
    ("prior", DrawsAllAtOnce, "each_code_has_a_stream_of_its_own"),
    ("prior", ForgetsItsScale, "state_round_trip_gives_bitwise_equal_codes"),
    ("prior", TellsOtherNoise, "noise_gives_the_codes_of_the_stream"),
    ("regulariser", NeedsSomethingElse, "it_says_when_it_is_due_and_what_it_needs"),
    ("regulariser", IsAPenaltyASample, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", ReachesNoWeight, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", RewardsSteepness, "the_penalty_is_a_finite_number_that_reaches_the_weights"),
    ("regulariser", HasAnothersGradient, "training_lowers_the_penalty"),
    ("regulariser", DrawsFromTheGlobalStream, "it_uses_the_contexts_random_generator_and_changes_nothing"),
    ("metric", HasNoDigest, "its_weights_are_named_by_their_digest"),
    ("metric", IsRandom, "two_builds_compute_the_same_features"),
    ("metric", DeclaresAnotherDim, "features_have_the_declared_shape"),
    ("metric", ComparesInTheBatch, "features_are_the_images_own"),
    ("encoder", nets.HasAMutableConfig, "the_config_is_immutable"),
    ("encoder", nets.HasADictInItsConfig, "the_config_is_immutable"),
    ("encoder", nets.ChangesItsConfig, "building_touches_nothing_outside"),
    ("encoder", nets.IgnoresASetting, "unknown_settings_are_refused"),
    ("encoder", nets.StoresAnotherConfig, "config_survives_plain_data"),
    ("encoder", nets.TakesAnything, "the_constructor_takes_its_config_and_sizes_alone"),
    ("encoder", nets.StartsAProcess, "building_touches_nothing_outside"),
    ("encoder", nets.WritesBesideTheUser, "building_touches_nothing_outside"),
    ("encoder", nets.Prints, "building_touches_nothing_outside"),
    ("encoder", nets.LeavesAThread, "building_touches_nothing_outside"),
    ("encoder", nets.SeedsTorch, "building_touches_nothing_outside"),
    ("encoder", nets.SeedsPython, "building_touches_nothing_outside"),
    ("encoder", nets.HasItsOwnSeed, "weights_come_from_the_global_generator_alone"),
    ("encoder", nets.DrawsFromNumpy, "weights_come_from_the_global_generator_alone"),
    ("encoder", nets.ChangesTheDefaultDtype, "a_pass_touches_nothing_outside"),
    ("encoder", nets.UsesTheBatch, "batch_mates_do_not_change_a_sample"),
    ("encoder", nets.DropsOutInEval, "eval_is_deterministic_and_changes_nothing"),
    ("encoder", nets.DrawsInEval, "eval_is_deterministic_and_changes_nothing"),
    ("encoder", nets.GivesFloat32Always, "outputs_have_the_dtype_of_the_net"),
    ("encoder", nets.StaysOnTheCPU, "features_have_the_declared_shapes"),
    ("encoder", nets.BuildsInItsFirstPass, "state_round_trip_gives_bitwise_equal_output"),
    ("encoder", nets.CountsOutsideItsState, "state_round_trip_gives_bitwise_equal_output"),
    ("encoder", nets.DeclaresAnotherEmbedding, "features_have_the_declared_shapes"),
    ("encoder", nets.HasAnotherForward, "features_have_the_declared_shapes"),
    ("encoder", nets.DividesByTheRange, "extreme_samples_give_finite_outputs"),
    ("encoder", nets.GivesSquareChannelsLast, "channels_come_second"),
    ("encoder", nets.GoesFromCoarseToFine, "stages_go_from_fine_to_coarse"),
    ("discriminator", nets.DeclaresOtherGroups, "logits_have_the_declared_shape"),
    ("generator", nets.MakesSquareChannelsLast, "channels_come_second"),
    ("generator", nets.MakesFlatSamples, "samples_have_the_declared_shape"),
    ("generator", nets.DividesByTheCode, "samples_stay_in_the_value_range"),
    ("prior", losses.KeepsItsScaleOutsideItsState, "every_tensor_is_saved"),
    ("objective", losses.IsOfNoKind, "it_is_of_one_kind"),
    ("objective", losses.IsALossASample, "losses_are_finite_scalars_with_gradients"),
    ("objective", losses.IsNotANumber, "losses_are_finite_scalars_with_gradients"),
    ("objective", losses.IsDetached, "losses_are_finite_scalars_with_gradients"),
    ("objective", losses.ForgetsTheGroups, "logits_average_inside_a_group_and_add_up_over_groups"),
    ("objective", losses.AddsNoise, "the_same_numbers_give_the_same_loss"),
    ("objective", losses.Overflows, "extreme_logits_give_finite_losses"),
    ("objective", losses.CountsItsSteps, "what_it_keeps_is_saved"),
    ("metric", losses.IsRandomEachTime, "features_are_the_images_own"),
    ("metric", losses.WritesIntoImages, "features_are_the_images_own"),
    ("dataset", losses.HasFloats, "images_are_bytes_of_one_shape"),
    ("dataset", losses.HoldsNothingOut, "rows_are_split_in_two"),
    ("dataset", losses.SpecifiesColours, "the_spec_fits_the_images"),
    ("dataset", losses.HasAnUnknownLicense, "the_license_is_known"),
    ("dataset", losses.IsShuffled, "opening_fetches_nothing_and_is_repeatable"),
    ("transfer", losses.HasSlotsOfText, "slots_and_requires_have_the_right_types"),
    ("transfer", losses.PlansSomethingElseEachTime, "planning_twice_gives_the_same_plan"),
    ("transfer", losses.GivesNoOrigin, "every_edit_names_a_tensor_and_its_origin"),
    ("transfer", losses.RequiresAFreshTensor, "the_report_is_complete"),
    ("transfer", losses.ThawsInSecret, "frozen_tensors_stay_and_are_in_no_optimiser"),
    ("transfer", losses.DrawsWithoutItsSlot, "data_and_codes_come_in_the_same_order"),
    ("transfer", losses.LosesItsNumbers, "the_first_step_is_finite_and_moves_the_generator"),
    ("transfer", losses.CountsInItsLoss, "a_saved_state_continues_to_the_bit"),
]
SOUND: list[tuple[str, type]] = [
    ("encoder", Good),
    ("generator", GoodGenerator),
    ("transfer", Strategy),
    ("bottleneck", GoodBottleneck),
    ("prior", GoodPrior),
    ("regulariser", GoodPenalty),
    ("metric", GoodSpace),
    ("encoder", nets.Encoder),
    ("generator", nets.Generator),
    ("generator", nets.HasNoiseInTraining),
    ("discriminator", nets.Discriminator),
    ("objective", losses.Objective),
    ("dataset", losses.Images),
]
SIZES = {nets.MakesSquareChannelsLast: Case(data=DataSpec((8, 8, 8)))}
"""The sizes at which a fault hides, by component; else networks are built for `DATA`."""
NO_TORCH = "plugin_and_config_modules_import_no_torch"


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, type], Any]]:
    """Offers a class of this file as a component of the plugin `faulty`; gives its case."""
    real = plugins.host()

    def registered(kind: str, target: type) -> Any:
        plugin = plugins.Plugin("faulty", __name__, "faulty", "1.0", "ready")
        config = getattr(target, "config", Config)
        paths = [f"{value.__module__}:{value.__name__}" for value in (target, config)]
        record = Component(kind, target.__name__, *paths)  # type: ignore[arg-type]
        host = plugins.Host(
            (*real.plugins, plugin), (*real.components, plugins.RegisteredComponent(record, plugin)), real.registries
        )
        monkeypatch.setattr("zoo.plugins.lookup.host", lambda: host)
        monkeypatch.setattr("zoo.plugins.load", lambda: host)
        monkeypatch.setattr("zoo.plugins.plugins", lambda: host.plugins)
        sizes = Case(data=DATA) if kind in ("encoder", "generator", "discriminator") else Case()
        return make_case(kind, f"faulty/{target.__name__}", SIZES.get(target, sizes))

    return registered  # type: ignore[return-value]


def failing(kind: str, case: Any) -> list[str]:
    found = []
    for check in CONFORMANCE[kind].checks:
        if check.__name__ == NO_TORCH:
            continue  # these classes live in a test that imports torch
        try:
            check(case)
        except Exception:
            found.append(check.__name__)
    return found


@pytest.mark.parametrize(
    ("kind", "target", "expected"), FAULTS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_fault_is_found_by_its_check(
    offered: Any, kind: str, target: type, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = offered(kind, target)
    (check,) = [check for check in CONFORMANCE[kind].checks if check.__name__ == expected]
    with pytest.raises((AssertionError, RuntimeError, ZooError)):
        check(case)


def test_every_check_finds_a_fault() -> None:
    """A check without a fault here may check nothing; `test_plugin_versions`, `test_importing` and
    `test_modality_faults` have more."""
    checks = {check.__name__ for kind in CONFORMANCE.values() for check in kind.checks}
    of_modalities = MODALITY_CHECKS[len(COMPONENT_CHECKS) :]
    more = (*MIGRATION_CHECKS, *AUTOENCODER_CHECKS[-2:], *of_modalities, a_condition_changes_its_own_output_alone)
    elsewhere = {NO_TORCH, *(check.__name__ for check in more)}
    assert checks - {name for _, _, name in FAULTS} == elsewhere


def test_a_config_module_that_imports_torch_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with_torch.py").write_text("import torch\n")
    (tmp_path / "without_torch.py").write_text("import json\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert imports_torch("with_torch", "without_torch")
    assert not imports_torch("without_torch")
    with pytest.raises(AssertionError, match="No module named 'no_such_module'"):
        imports_torch("no_such_module")


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


def results_of(verdict: Any, name: str) -> set[str]:
    return {result.error for result in verdict.results if result.check == name}


def test_default_cases_that_a_component_refuses_are_counted(offered: Any) -> None:
    offered("bottleneck", HalvesTheEmbedding)
    verdict = check_plugin("faulty")
    assert [refusal.case.rpartition("-")[0] for refusal in verdict.refusals] == [
        f"faulty/HalvesTheEmbedding()-{n}" for n in (6, 12, 3)
    ]
    assert {result.case for result in verdict.results} == {"faulty/HalvesTheEmbedding()-8-4"}
    assert {result.check for result in verdict.failures} == {NO_TORCH.replace("_", " ")}


def test_a_component_that_refuses_every_default_case_fails_and_learns_how_to_give_cases(offered: Any) -> None:
    offered("generator", MakesItsOwnSize)
    verdict = check_plugin("faulty")
    assert not verdict.passed
    (failure,) = verdict.failures
    assert "it makes 9 px images of codes of 3 values" in failure.error
    assert "cases='package.module:function'" in failure.error


def test_a_component_is_checked_on_its_own_cases(offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offered("generator", MakesItsOwnSize)
    host = plugins.load()
    *others, last = host.components
    last = replace(last, component=replace(last.component, cases=f"{__name__}:own_cases"))
    monkeypatch.setattr("zoo.plugins.load", lambda: replace(host, components=(*others, last)))
    lines: list[str] = []
    verdict = check_plugin("faulty", progress=lines.append)
    assert {result.case for result in verdict.results} == {"faulty/MakesItsOwnSize(width=4)-1x9x9"}
    assert {result.check for result in verdict.failures} == {NO_TORCH.replace("_", " ")}
    assert lines == ["generator faulty/MakesItsOwnSize  case 1 of 1: faulty/MakesItsOwnSize(width=4)-1x9x9"]


def own_cases() -> list[Case]:
    return [Case({"width": 4}, DataSpec((1, 9, 9)), code_shape=3)]


def test_a_case_with_a_size_that_its_kind_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="has embedding_shape, and a prior is built without it"):
        make_case("prior", "core/normal", Case(embedding_shape=4))


def test_a_failure_without_words_shows_its_type_and_its_line(offered: Any) -> None:
    offered("encoder", FailsInSilence)
    errors = results_of(check_plugin("faulty"), "the constructor takes its config and sizes alone")
    assert errors == {""}
    errors = results_of(check_plugin("faulty"), "building touches nothing outside")
    assert all(error.startswith("KeyError: raise KeyError") for error in errors)


def test_the_repeated_pass_and_the_other_batch_are_told_apart(offered: Any) -> None:
    """A difference of the same pass is randomness; one between batch sizes is compared with rounding."""
    repeated = failing_messages("encoder", offered("encoder", nets.DropsOutInEval))
    assert "the same pass, repeated" in repeated["eval_is_deterministic_and_changes_nothing"]
    other = failing_messages("encoder", offered("encoder", nets.UsesTheBatch))
    assert "of samples in a batch of 4 and of each alone" in other["batch_mates_do_not_change_a_sample"]
    assert "eval_is_deterministic_and_changes_nothing" not in other
    assert not failing_messages("encoder", offered("encoder", RoundsByTheBatch))


def failing_messages(kind: str, case: Any) -> dict[str, str]:
    messages = {}
    for check in CONFORMANCE[kind].checks:
        try:
            check(case)
        except Exception as error:
            messages[check.__name__] = str(error)
    messages.pop(NO_TORCH, None)
    return messages


@pytest.mark.parametrize("after", [0.0, 0.15, 0.5])
def test_a_strategy_that_freezes_for_a_time_passes(after: float) -> None:
    case = make_case("transfer", "transfer/freeze-lower", Case({"unfreeze_after": after}))
    for check in CONFORMANCE["transfer"].checks:
        check(case)


def test_every_kind_of_component_has_checks_a_case_and_a_contract() -> None:
    assert set(CONFORMANCE) == set(KINDS)
    contracts = {name.removesuffix("Contract").lower() for name in testing.__all__ if name.endswith("Contract")}
    assert contracts == set(KINDS)
