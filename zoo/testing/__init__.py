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
    from zoo.testing.conformance.bottlenecks import BottleneckCase as BottleneckCase
    from zoo.testing.conformance.cases import (
        DiscriminatorCase as DiscriminatorCase,
        EncoderCase as EncoderCase,
        GeneratorCase as GeneratorCase,
    )
    from zoo.testing.conformance.datasets import DatasetCase as DatasetCase
    from zoo.testing.conformance.metrics import MetricCase as MetricCase
    from zoo.testing.conformance.objectives import ObjectiveCase as ObjectiveCase
    from zoo.testing.conformance.priors import PriorCase as PriorCase
    from zoo.testing.conformance.regularisers import RegulariserCase as RegulariserCase
    from zoo.testing.conformance.transfers import TransferCase as TransferCase
    from zoo.testing.contracts import (
        BottleneckContract as BottleneckContract,
        DatasetContract as DatasetContract,
        DiscriminatorContract as DiscriminatorContract,
        EncoderContract as EncoderContract,
        GeneratorContract as GeneratorContract,
        MetricContract as MetricContract,
        ObjectiveContract as ObjectiveContract,
        PriorContract as PriorContract,
        RegulariserContract as RegulariserContract,
        TransferContract as TransferContract,
    )

_LAZY = {
    "conformance.bottlenecks": "BottleneckCase",
    "conformance.cases": "DiscriminatorCase EncoderCase GeneratorCase",
    "conformance.datasets": "DatasetCase",
    "conformance.metrics": "MetricCase",
    "conformance.objectives": "ObjectiveCase",
    "conformance.priors": "PriorCase",
    "conformance.regularisers": "RegulariserCase",
    "conformance.transfers": "TransferCase",
    "contracts": "BottleneckContract DatasetContract DiscriminatorContract EncoderContract GeneratorContract "
    "MetricContract ObjectiveContract PriorContract RegulariserContract TransferContract",
}
_HOME = {name: module for module, names in _LAZY.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: contracts import pytest, which `zoo plugins check` does not need."""
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.testing.{_HOME[name]}"), name)
