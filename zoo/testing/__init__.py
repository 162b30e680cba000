"""Conformance tests for plugin authors: subclass a contract in a test file, give it cases, and run pytest.

    class TestTiny(EncoderContract):
        cases = [EncoderCase("tiny", {"width": 4}, DataSpec((1, size, size))) for size in (8, 16, 32)]

Every check of the contract runs on every case, as a test of its own. `zoo plugins check NAME` runs the same checks
without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo._utils.lazy import attach

if TYPE_CHECKING:
    from zoo.testing.conformance.autoencoders import AutoencoderCase as AutoencoderCase
    from zoo.testing.conformance.bottlenecks import BottleneckCase as BottleneckCase
    from zoo.testing.conformance.cases import (
        DiscriminatorCase as DiscriminatorCase,
        EncoderCase as EncoderCase,
        GeneratorCase as GeneratorCase,
    )
    from zoo.testing.conformance.datasets import DatasetCase as DatasetCase
    from zoo.testing.conformance.metrics import MetricCase as MetricCase
    from zoo.testing.conformance.modalities import ModalityCase as ModalityCase
    from zoo.testing.conformance.objectives import ObjectiveCase as ObjectiveCase
    from zoo.testing.conformance.priors import PriorCase as PriorCase
    from zoo.testing.conformance.regularisers import RegulariserCase as RegulariserCase
    from zoo.testing.conformance.transfer_case import TransferCase as TransferCase
    from zoo.testing.contracts import (
        AutoencoderContract as AutoencoderContract,
        BottleneckContract as BottleneckContract,
        DatasetContract as DatasetContract,
        DiscriminatorContract as DiscriminatorContract,
        EncoderContract as EncoderContract,
        GeneratorContract as GeneratorContract,
        MetricContract as MetricContract,
        ModalityContract as ModalityContract,
        ObjectiveContract as ObjectiveContract,
        PriorContract as PriorContract,
        RegulariserContract as RegulariserContract,
        TransferContract as TransferContract,
    )

# contracts import pytest, which `zoo plugins check` does not need
__getattr__, __dir__, __all__ = attach(__name__, __file__)
