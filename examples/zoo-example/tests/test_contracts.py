"""The networks pass Zoo's conformance checks."""

from __future__ import annotations

from zoo.plugin import DataSpec
from zoo.testing import EncoderCase, EncoderContract, GeneratorCase, GeneratorContract

SIZES = [DataSpec((1, 8, 8)), DataSpec((3, 16, 16), low=0.0, high=1.0), DataSpec((1, 32, 32))]


class TestEncoder(EncoderContract):
    cases = tuple(EncoderCase("example/example", {"width": 4}, data) for data in SIZES)


class TestGenerator(GeneratorContract):
    cases = tuple(GeneratorCase("example/example", {"width": 4}, data) for data in SIZES)
