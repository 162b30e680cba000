"""Each kind of component: its checks, its class of cases, and the cases of a component that names none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.errors import ConfigError
from zoo.testing.conformance.autoencoders import AUTOENCODER_CHECKS, AutoencoderCase
from zoo.testing.conformance.bottlenecks import BOTTLENECK_CHECKS, BottleneckCase
from zoo.testing.conformance.cases import ComponentCase, DiscriminatorCase, EncoderCase, GeneratorCase
from zoo.testing.conformance.components import Check
from zoo.testing.conformance.datasets import DATASET_CHECKS, DatasetCase
from zoo.testing.conformance.metrics import METRIC_CHECKS, MetricCase
from zoo.testing.conformance.modalities import MODALITY_CHECKS, ModalityCase
from zoo.testing.conformance.networks import DISCRIMINATOR_CHECKS, ENCODER_CHECKS, GENERATOR_CHECKS
from zoo.testing.conformance.objectives import OBJECTIVE_CHECKS, ObjectiveCase
from zoo.testing.conformance.priors import PRIOR_CHECKS, PriorCase
from zoo.testing.conformance.regularisers import REGULARISER_CHECKS, RegulariserCase
from zoo.testing.conformance.transfer_case import TransferCase
from zoo.testing.conformance.transfers import TRANSFER_CHECKS
from zoo.types import Case, DataSpec, as_code_shape

__all__ = ["CONFORMANCE", "KindChecks", "make_case"]

_IMAGES = ((1, 8, 8), (3, 16, 16), (1, 32, 32), (3, 64, 64), (2, 12, 20))
_SAMPLES = tuple(Case(data=DataSpec(shape)) for shape in (*_IMAGES, (7,)))
_BOTTLENECKS = tuple(Case(embedding_shape=n, code_shape=m) for n, m in ((6, 6), (8, 4), (12, 3), (3, 12)))
_PRIORS = (Case(code_shape=6), Case(code_shape=2), Case(code_shape=(2, 2, 3)))


@dataclass(frozen=True, slots=True)
class KindChecks:
    """The checks of a kind of component, what makes its cases, and those that are tried if a component names none."""

    checks: Sequence[Check]
    case: Callable[..., ComponentCase]
    defaults: tuple[Case, ...] = (Case(),)


CONFORMANCE: dict[str, KindChecks] = {
    "encoder": KindChecks(ENCODER_CHECKS, EncoderCase, _SAMPLES),
    "generator": KindChecks(GENERATOR_CHECKS, GeneratorCase, _SAMPLES),
    "discriminator": KindChecks(DISCRIMINATOR_CHECKS, DiscriminatorCase, _SAMPLES),
    "autoencoder": KindChecks(AUTOENCODER_CHECKS, AutoencoderCase),
    "bottleneck": KindChecks(BOTTLENECK_CHECKS, BottleneckCase, _BOTTLENECKS),
    "prior": KindChecks(PRIOR_CHECKS, PriorCase, _PRIORS),
    "transfer": KindChecks(TRANSFER_CHECKS, TransferCase),
    "objective": KindChecks(OBJECTIVE_CHECKS, ObjectiveCase),
    "regulariser": KindChecks(REGULARISER_CHECKS, RegulariserCase),
    "dataset": KindChecks(DATASET_CHECKS, DatasetCase),
    "metric": KindChecks(METRIC_CHECKS, MetricCase),
    "modality": KindChecks(MODALITY_CHECKS, ModalityCase),
}


def make_case(kind: str, id: str, case: Case) -> ComponentCase:
    """The case for the checks of a kind. Raises ConfigError if it has a size that the kind is not built with."""
    make = CONFORMANCE[kind].case
    shapes = {"code_shape": case.code_shape, "embedding_shape": case.embedding_shape}
    sizes: dict[str, Any] = {name: as_code_shape(shape) for name, shape in shapes.items() if shape is not None}
    if case.data is not None:
        sizes["data"] = case.data
    if case.files:
        sizes["files"] = case.files
    if case.gan_generator is not None:
        sizes["gan_generator"] = case.gan_generator
    known = {item.name for item in dataclasses.fields(make)}  # type: ignore[arg-type]
    if unknown := sizes.keys() - known:
        raise ConfigError(f"a case of the {kind} {id} has {min(unknown)}, and a {kind} is built without it")
    return make(id, case.config, **sizes)
