"""The strategy passes Zoo's conformance checks on the cases of `zoo plugins check`."""

from __future__ import annotations

from zoo_timed.cases import fractions

from zoo.testing import TransferCase, TransferContract


class TestHoldGenerator(TransferContract):
    cases = tuple(TransferCase("timed/hold-generator", case.config) for case in fractions())
