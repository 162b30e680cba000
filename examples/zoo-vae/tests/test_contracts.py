"""The networks pass Zoo's conformance checks on the cases of `zoo plugins check`."""

from __future__ import annotations

from zoo_vae.cases import moments, networks

from zoo.plugin import as_code_shape
from zoo.testing import (
    BottleneckCase,
    BottleneckContract,
    EncoderCase,
    EncoderContract,
    GeneratorCase,
    GeneratorContract,
)

NAMES = ("vae/kl", "vae/tiny")


class TestEncoders(EncoderContract):
    cases = tuple(EncoderCase(name, case.config, case.data) for name in NAMES for case in networks())


class TestGenerators(GeneratorContract):
    cases = tuple(GeneratorCase(name, case.config, case.data) for name in NAMES for case in networks())


class TestMoments(BottleneckContract):
    cases = tuple(
        BottleneckCase("vae/moments", {}, as_code_shape(case.embedding_shape), as_code_shape(case.code_shape))
        for case in moments()
    )
