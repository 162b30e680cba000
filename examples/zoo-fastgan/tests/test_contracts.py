"""The networks pass Zoo's conformance checks on the cases of `zoo plugins check`."""

from __future__ import annotations

from zoo_fastgan.cases import discriminators, generators, sirens

from zoo.plugin import as_code_shape
from zoo.testing import DiscriminatorCase, DiscriminatorContract, GeneratorCase, GeneratorContract


class TestFastGAN(GeneratorContract):
    cases = tuple(GeneratorCase("fastgan/fastgan", case.config, case.data) for case in generators())


class TestSiren(GeneratorContract):
    cases = tuple(
        GeneratorCase("fastgan/siren", case.config, case.data, as_code_shape(case.code_shape)) for case in sirens()
    )


class TestDiscriminator(DiscriminatorContract):
    cases = tuple(DiscriminatorCase("fastgan/fastgan", case.config, case.data) for case in discriminators())
