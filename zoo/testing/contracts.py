"""The contracts as pytest classes: each check of a contract on each case of a subclass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from zoo.testing.conformance.components import Check
from zoo.testing.conformance.kinds import CONFORMANCE

__all__ = [
    "AutoencoderContract",
    "BottleneckContract",
    "Contract",
    "DatasetContract",
    "DiscriminatorContract",
    "EncoderContract",
    "GeneratorContract",
    "MetricContract",
    "ModalityContract",
    "ObjectiveContract",
    "PriorContract",
    "RegulariserContract",
    "TransferContract",
]

_COUNT = pytest.StashKey[dict[str, int]]()


class Contract:
    """The base class of contracts, with the contract's `checks`. An author's subclass has `cases`: `EncoderCase`s for
    `EncoderContract`, and so on (a discriminator's may be encoders, which get a head of one logit).

    Defining a subclass that pytest would not collect, or one without cases, raises TypeError: zero checks must not look
    like success. The number of checks is printed at the end of the test run.
    """

    checks: ClassVar[Sequence[Check]] = ()
    cases: ClassVar[Sequence[Any]] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "checks" in cls.__dict__:
            return
        if not cls.__name__.startswith("Test"):
            raise TypeError(f"{cls.__name__} would never run: pytest collects classes whose name begins with Test")
        if not cls.cases or not cls.checks:
            raise TypeError(f"{cls.__name__} would check nothing: give it `cases = [...]`")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrise over cases and checks; an author's own tests may have the argument `case` too."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=str)
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", self.checks, ids=lambda check: check.__name__)

    def test_promise(self, check: Check, case: Any, request: pytest.FixtureRequest) -> None:
        """Run one check on one case; the check's docstring says what it requires."""
        check(case)
        count = request.config.stash.setdefault(_COUNT, {})
        if not count:
            request.config.add_cleanup(lambda: print(_summary(count)))
        count[type(self).__name__] = count.get(type(self).__name__, 0) + 1


class AutoencoderContract(Contract):
    checks = CONFORMANCE["autoencoder"].checks


class EncoderContract(Contract):
    checks = CONFORMANCE["encoder"].checks


class GeneratorContract(Contract):
    checks = CONFORMANCE["generator"].checks


class DiscriminatorContract(Contract):
    checks = CONFORMANCE["discriminator"].checks


class BottleneckContract(Contract):
    checks = CONFORMANCE["bottleneck"].checks


class PriorContract(Contract):
    checks = CONFORMANCE["prior"].checks


class TransferContract(Contract):
    checks = CONFORMANCE["transfer"].checks


class ObjectiveContract(Contract):
    checks = CONFORMANCE["objective"].checks


class RegulariserContract(Contract):
    checks = CONFORMANCE["regulariser"].checks


class DatasetContract(Contract):
    checks = CONFORMANCE["dataset"].checks


class MetricContract(Contract):
    checks = CONFORMANCE["metric"].checks


class ModalityContract(Contract):
    checks = CONFORMANCE["modality"].checks


def _summary(count: dict[str, int]) -> str:
    return f"zoo.testing: {sum(count.values())} checks of {len(count)} contracts passed"
