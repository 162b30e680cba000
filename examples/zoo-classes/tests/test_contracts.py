"""The components pass Zoo's conformance checks on the cases of `zoo plugins check`."""

from __future__ import annotations

from zoo_classes.cases import networks, priors, strategies

from zoo.plugin import as_code_shape
from zoo.testing import (
    DiscriminatorCase,
    DiscriminatorContract,
    GeneratorCase,
    GeneratorContract,
    PriorCase,
    PriorContract,
    TransferCase,
    TransferContract,
)


class TestJoined(GeneratorContract):
    cases = tuple(GeneratorCase("classes/joined", case.config, case.data) for case in networks())


class TestProjection(DiscriminatorContract):
    cases = tuple(DiscriminatorCase("classes/projection", case.config, case.data) for case in networks())


class TestPerClass(PriorContract):
    cases = tuple(
        PriorCase("classes/per-class", case.config, as_code_shape(case.code_shape), case.data) for case in priors()
    )


class TestFitPerClass(TransferContract):
    cases = tuple(TransferCase("classes/per-class-prior", data=case.data) for case in strategies())
