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

from zoo import plugins
from zoo.conformance.networks import ENCODER_CHECKS, GENERATOR_CHECKS
from zoo.conformance.objectives import OBJECTIVE_CHECKS
from zoo.conformance.transfers import TRANSFER_CHECKS
from zoo.protocols import Edit, Features, Slot, Transfer
from zoo.specs import Component, DataSpec
from zoo.testing import EncoderCase, EncoderContract, GeneratorCase, ObjectiveCase, TransferCase

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
        self.embedding_dim = 6 * 16

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

    def __init__(self, config: Config, data: DataSpec, latent_dim: int) -> None:
        super().__init__()
        self.data, self.latent_dim = data, latent_dim
        self.first = nn.Linear(latent_dim, data.size)

    def forward(self, z: Tensor) -> Tensor:
        return self.first(z).tanh().unflatten(1, self.data.shape)  # type: ignore[no-any-return]


class LeavesTheRange(GoodGenerator):
    def forward(self, z: Tensor) -> Tensor:
        return self.first(z).unflatten(1, self.data.shape)  # type: ignore[no-any-return]


class NamesAFirstThatIsNone(GoodGenerator):
    def forward(self, z: Tensor) -> Tensor:
        return self.first(z.tanh()).tanh().unflatten(1, self.data.shape)  # type: ignore[no-any-return]


class FlipsD(nn.Module):
    """An objective whose discriminator learns the opposite."""

    paired = False

    def __init__(self, config: Config) -> None:
        super().__init__()

    def d_loss(self, game: Any) -> Tensor:
        return (game.real_judgement.realness - game.fake_judgement.realness).mean()

    def g_loss(self, game: Any) -> Tensor:
        return -game.fake_judgement.realness.mean()  # type: ignore[no-any-return]

    def after(self, game: Any) -> None: ...


class Strategy:
    """A strategy without a fault: it does nothing."""

    fills: frozenset[Slot] = frozenset()
    uses: frozenset[Any] = frozenset()

    def __init__(self, config: Config) -> None:
        self.config = config

    def plan(self, source: Any, gan: Any) -> Transfer:
        return Transfer(gan)

    def neutral(self) -> Any:
        return self.config


class IsNotNeutral(Strategy):
    def plan(self, source: Any, gan: Any) -> Transfer:
        zero = Edit("generator", "first.bias", "copied", "one", lambda values: values.nets["generator"].first.bias + 1)  # type: ignore[operator]
        return Transfer(gan, [zero])


class GivesNoReason(Strategy):
    def neutral(self) -> Any:
        return None


class DrawsAtRandom(Strategy):
    def plan(self, source: Any, gan: Any) -> Transfer:
        noise = Edit(
            "generator",
            "first.bias",
            "copied",
            "noise",
            lambda values: torch.randn(values.nets["generator"].first.bias.shape),
        )  # type: ignore[union-attr]
        return Transfer(gan, [noise])


class ReadsWeights(Strategy):
    def plan(self, source: Any, gan: Any) -> Transfer:
        float(next(source.parameters()).detach().sum())
        return Transfer(gan)


class ChangesTheSource(Strategy):
    def plan(self, source: Any, gan: Any) -> Transfer:
        with torch.no_grad():
            next(source.parameters()).zero_()
        return Transfer(gan)


class NamesNoTensor(Strategy):
    def plan(self, source: Any, gan: Any) -> Transfer:
        return Transfer(gan, frozen={"generator": {"no.such.weight"}})


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
    ("transfer", IsNotNeutral, "a_neutral_strategy_equals_scratch"),
    ("transfer", GivesNoReason, "a_neutral_strategy_equals_scratch"),
    ("transfer", DrawsAtRandom, "applying_twice_gives_the_same_values"),
    ("transfer", ReadsWeights, "planning_reads_no_weight"),
    ("transfer", ChangesTheSource, "planning_changes_neither_source_nor_random_numbers"),
    ("transfer", NamesNoTensor, "the_report_is_complete"),
]
SOUND: list[tuple[str, type]] = [("encoder", Good), ("generator", GoodGenerator), ("transfer", Strategy)]
CHECKS: dict[str, tuple[Callable[[Any], None], ...]] = {
    "encoder": ENCODER_CHECKS,
    "generator": GENERATOR_CHECKS,
    "objective": OBJECTIVE_CHECKS,
    "transfer": TRANSFER_CHECKS,
}
CASES = {"encoder": EncoderCase, "generator": GeneratorCase}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, type], Any]]:
    """Offers a class of this file as a component of the plugin `faulty`; gives its case."""
    real = plugins.host()

    def offer(kind: str, target: type) -> Any:
        plugin = plugins.Plugin("faulty", __name__, "faulty", "1.0", "ready")
        record = Component(kind, target.__name__, f"{__name__}:{target.__name__}", f"{__name__}:Config")  # type: ignore[arg-type]
        host = plugins.Host(real.plugins, (*real.offers, plugins.Offer(record, plugin)), real.registries)
        monkeypatch.setattr(plugins, "host", lambda: host)
        name = f"faulty/{target.__name__}"
        if kind == "transfer":
            return TransferCase(name)
        return ObjectiveCase(name) if kind == "objective" else CASES[kind](name, {}, DATA)

    return offer  # type: ignore[return-value]


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
        import zoo.conformance.networks, zoo.conformance.transfers, zoo.conformance.objectives
        import zoo.conformance.datasets
        assert 'pytest' not in sys.modules
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
