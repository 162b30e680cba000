"""Every component of the bundled plugins keeps its contract, by the kit that strangers use and with no exception."""

from __future__ import annotations

from typing import Any

from zoo import plugins
from zoo.testing import (
    BottleneckCase,
    BottleneckContract,
    DatasetCase,
    DatasetContract,
    DiscriminatorCase,
    DiscriminatorContract,
    EncoderCase,
    EncoderContract,
    GeneratorCase,
    GeneratorContract,
    MetricCase,
    MetricContract,
    ModalityContract,
    ObjectiveCase,
    ObjectiveContract,
    PriorCase,
    PriorContract,
    RegulariserCase,
    RegulariserContract,
    TransferCase,
    TransferContract,
)
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.kinds import make_case
from zoo.types import Condition, DataSpec

GREY8, COLOUR16 = DataSpec((1, 8, 8)), DataSpec((3, 16, 16), low=0.0, high=1.0)
GREY64, VECTOR = DataSpec((2, 64, 64)), DataSpec((7,), low=-0.3, high=2.1)

CLASSES8 = DataSpec((1, 8, 8), condition=Condition(("coat", "hat")))
NEEDS_DATA = {"transfer/class-mixture": CLASSES8}
"""A prior that takes a class is tested with labels."""

NORMS = ("none", "batch", "spectral", "group")


def offers(kind: str) -> list[plugins.RegisteredComponent]:
    """What plugins offer of a kind, by full id: a further component is tested with no new code."""
    return [
        registered
        for registered in plugins.components(kind)
        if registered.plugin.distribution in ("aegan-zoo", *plugins.BUNDLED)
    ]


def declared(kind: str) -> tuple[ComponentCase, ...]:
    """The cases that components of zoo-transfer and zoo-tables declare."""
    return tuple(
        make_case(kind, registered.id, case)
        for registered in offers(kind)
        if registered.component.cases and registered.plugin.name in ("transfer", "tables")
        for case in plugins.import_component(registered, registered.component.cases)()
    )


class TestEncoders(EncoderContract):
    cases = (
        EncoderCase("mlp", {}, GREY8),
        EncoderCase("mlp", {"widths": [6, 4], "activation": "tanh"}, VECTOR),
        EncoderCase("mlp", {"widths": [6, 4, 5], "activation": "silu", "norm": "batch"}, GREY8),
        EncoderCase("mlp", {"widths": [6, 4], "activation": "gelu", "norm": "layer", "dropout": 0.3}, COLOUR16),
        EncoderCase("mlp", {"widths": [8, 6], "norm": "spectral"}, GREY64),
        *(
            EncoderCase("dcgan", {"width": 4, "norm": norm}, data)
            for norm in NORMS
            for data in (GREY8, COLOUR16, GREY64)
        ),
        EncoderCase("r3gan", {"width": 4}, GREY8),
        EncoderCase("r3gan", {"width": 4, "max_width": 6, "blocks": 2, "group": 4}, COLOUR16),
        EncoderCase("r3gan", {"width": 2, "expansion": 3}, GREY64),
        EncoderCase("dcgan", {"width": 3, "max_width": 5, "norm": "group", "slope": 0.0}, COLOUR16),
    )


class TestGenerators(GeneratorContract):
    cases = (
        GeneratorCase("mlp", {}, GREY8),
        GeneratorCase("mlp", {"widths": []}, COLOUR16),
        GeneratorCase("mlp", {"widths": [6, 4], "activation": "tanh"}, VECTOR),
        GeneratorCase("mlp", {"widths": [8, 6], "activation": "leaky_relu", "norm": "batch"}, GREY8),
        GeneratorCase("mlp", {"widths": [8], "activation": "gelu", "norm": "layer", "dropout": 0.3}, COLOUR16),
        GeneratorCase("mlp", {"widths": [8, 6], "activation": "silu", "norm": "spectral"}, GREY64),
        *(
            GeneratorCase("dcgan", {"width": 4, "norm": norm}, data)
            for norm in NORMS
            for data in (GREY8, COLOUR16, GREY64)
        ),
        GeneratorCase("r3gan", {"width": 4}, GREY8),
        GeneratorCase("r3gan", {"width": 4, "max_width": 6, "blocks": 2, "group": 4}, COLOUR16),
        GeneratorCase("r3gan", {"width": 2, "expansion": 3}, GREY64),
        *(GeneratorCase("dcgan", {"width": 4, "norm": norm, "upsample": "nearest"}, COLOUR16) for norm in NORMS),
        GeneratorCase(
            "dcgan",
            {"width": 3, "max_width": 5, "activation": "leaky_relu"},
            DataSpec((1, 16, 16), low=-0.3, high=2.1),
        ),
    )


class TestWrappers(GeneratorContract):
    cases = declared("generator")


class TestDiscriminators(DiscriminatorContract):
    cases = (
        DiscriminatorCase("mlp", {"widths": [6, 4]}, GREY8),
        DiscriminatorCase("dcgan", {"width": 4}, COLOUR16),
        DiscriminatorCase("dcgan", {"width": 4, "norm": "spectral"}, GREY8),
        *declared("discriminator"),
    )


class TestTransfers(TransferContract):
    cases = (
        *(TransferCase(registered.id) for registered in offers("transfer") if not registered.component.cases),
        *declared("transfer"),
    )


REQUIRED: dict[str, dict[str, Any]] = {
    "transfer/class-mixture": {"classes": 2},
    "core/perceptual": {"encoder": {"component": "mlp", "config": {"widths": [16]}}},
    "spatial/vqgan": {"discriminator": {"component": "patch", "config": {"layers": 1, "width": 4}}},
}
"""Settings of the components that have no default for one of them, or none for samples of 8 px."""


class TestObjectives(ObjectiveContract):
    cases = (
        *(
            ObjectiveCase(registered.id, REQUIRED.get(registered.id, {}))
            for registered in offers("objective")
            if registered.plugin.name != "tables"
        ),
        *declared("objective"),
    )


class TestBottlenecks(BottleneckContract):
    cases = (
        *(BottleneckCase(registered.id) for registered in offers("bottleneck") if not registered.component.cases),
        BottleneckCase("linear", {}, (12,), (3,)),
        BottleneckCase("gaussian", {}, (3,), (12,)),
    )


class TestPriors(PriorContract):
    cases = tuple(
        PriorCase(registered.id, REQUIRED.get(registered.id, {}), code_shape, NEEDS_DATA.get(registered.id))
        for registered in offers("prior")
        for code_shape in ((1,), (6,), (2, 2, 3))
    )


class TestRegularisers(RegulariserContract):
    cases = tuple(RegulariserCase(registered.id) for registered in offers("regulariser"))


FETCHED = {"core/inception", "timm/*"}
"""Metrics whose weights come from elsewhere: no test fetches them."""


class TestMetrics(MetricContract):
    cases = tuple(MetricCase(registered.id) for registered in offers("metric") if registered.id not in FETCHED)


class TestModalities(ModalityContract):
    cases = declared("modality")


class TestDatasets(DatasetContract):
    cases = tuple(DatasetCase(registered.id) for registered in offers("dataset"))


def test_every_network_of_these_plugins_is_among_the_cases() -> None:
    """A component that one of them adds without a case here is not let through."""
    offered = {
        (o.component.kind, o.id)
        for kind in ("encoder", "generator", "discriminator")
        for o in plugins.components(kind)
        if o.plugin.name in ("mlp", "dcgan", "r3gan")
    }
    assert offered == {(case.kind, case.registered.id) for case in (*TestEncoders.cases, *TestGenerators.cases)}
