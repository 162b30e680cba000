"""The network passes Zoo's conformance checks on the cases of `zoo plugins check`."""

from __future__ import annotations

from zoo_siren.cases import sirens

from zoo.plugin import as_code_shape
from zoo.testing import GeneratorCase, GeneratorContract


class TestSiren(GeneratorContract):
    cases = tuple(
        GeneratorCase("siren/siren", case.config, case.data, as_code_shape(case.code_shape)) for case in sirens()
    )
