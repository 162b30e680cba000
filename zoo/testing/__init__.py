"""Conformance tests for plugin authors: subclass a contract in a test file, give it cases, and run pytest.

    class TestTiny(EncoderContract):
        cases = [EncoderCase("tiny", {"width": 4}, DataSpec((1, size, size))) for size in (8, 16, 32)]

Every check of the contract runs on every case, as a test of its own. `zoo plugins check NAME` runs the same checks
without pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.testing.conformance.bottlenecks import BottleneckCase
    from zoo.testing.conformance.cases import DiscriminatorCase, EncoderCase, GeneratorCase
    from zoo.testing.conformance.datasets import DatasetCase
    from zoo.testing.conformance.metrics import MetricCase
    from zoo.testing.conformance.objectives import ObjectiveCase
    from zoo.testing.conformance.priors import PriorCase
    from zoo.testing.conformance.regularisers import RegulariserCase
    from zoo.testing.conformance.transfers import TransferCase
    from zoo.testing.contracts import (
        BottleneckContract,
        DatasetContract,
        DiscriminatorContract,
        EncoderContract,
        GeneratorContract,
        MetricContract,
        ObjectiveContract,
        PriorContract,
        RegulariserContract,
        TransferContract,
    )

__all__ = [
    "BottleneckCase",
    "BottleneckContract",
    "DatasetCase",
    "DatasetContract",
    "DiscriminatorCase",
    "DiscriminatorContract",
    "EncoderCase",
    "EncoderContract",
    "GeneratorCase",
    "GeneratorContract",
    "MetricCase",
    "MetricContract",
    "ObjectiveCase",
    "ObjectiveContract",
    "PriorCase",
    "PriorContract",
    "RegulariserCase",
    "RegulariserContract",
    "TransferCase",
    "TransferContract",
]


_CASES = {
    "BottleneckCase": "bottlenecks",
    "DatasetCase": "datasets",
    "DiscriminatorCase": "cases",
    "EncoderCase": "cases",
    "GeneratorCase": "cases",
    "MetricCase": "metrics",
    "ObjectiveCase": "objectives",
    "PriorCase": "priors",
    "RegulariserCase": "regularisers",
    "TransferCase": "transfers",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: contracts import pytest, which `zoo plugins check` does not need."""
    if name not in __all__:
        raise AttributeError(f"module 'zoo.testing' has no attribute {name!r}")
    module = f"conformance.{_CASES[name]}" if name in _CASES else "contracts"
    return getattr(importlib.import_module(f"zoo.testing.{module}"), name)
