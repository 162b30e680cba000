"""The conformance kit for plugin authors: subclass a contract in a test file, give one fixture, run pytest.

    class TestTiny(EncoderContract):
        cases = [EncoderCase("tiny", {"width": 4}, DataSpec((1, size, size))) for size in (8, 16, 32)]

Every case is put through every check of its contract, each a test of its own. pytest is imported here and
nowhere else; `zoo plugins check NAME` runs the same checks without it.
"""

from __future__ import annotations

from zoo.conformance.cases import DiscriminatorCase, EncoderCase, GeneratorCase
from zoo.testing.contracts import (
    DiscriminatorContract,
    EncoderContract,
    GeneratorContract,
)

__all__ = [
    "DiscriminatorCase",
    "DiscriminatorContract",
    "EncoderCase",
    "EncoderContract",
    "GeneratorCase",
    "GeneratorContract",
]
