"""Each check of a modality, and the check of conditional networks, finds a fault: in tables and a class embedding that
were changed for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from zoo_tables.cases import tables
from zoo_tables.columns import TableConfig
from zoo_tables.modality import Table
from zoo_transfer.cases import with_classes_and_generator
from zoo_transfer.class_embedding import EmbeddedGenerator

from zoo.testing.conformance.kinds import make_case
from zoo.testing.conformance.modalities import (
    a_file_of_samples_is_read_as_the_same_samples,
    any_finite_sample_has_a_row,
    figures_are_finite,
    its_settings_describe_a_record,
    records_become_samples,
)
from zoo.testing.conformance.networks import a_condition_changes_its_own_output_alone

CHECKS = (
    records_become_samples,
    a_file_of_samples_is_read_as_the_same_samples,
    any_finite_sample_has_a_row,
    figures_are_finite,
    its_settings_describe_a_record,
)
encode, rows, file = Table.encode, Table.rows, Table.file


def rows_of_likely_numbers(self: Any, samples: Any) -> Any:
    if samples.abs().max() > 1e3:
        raise ValueError("no such number")
    return rows(self, samples)


FAULTS: list[tuple[Callable[..., None], type, str, Any]] = [
    (CHECKS[0], Table, "encode", lambda self, records: encode(self, records).double()),
    (CHECKS[0], Table, "encode", lambda self, records: encode(self, records)[1:]),
    (CHECKS[0], Table, "encode", lambda self, records: encode(self, records) + torch.rand(())),
    (CHECKS[1], Table, "file", lambda self, samples, suffix: file(self, samples[1:], suffix)),
    (CHECKS[1], Table, "file", lambda self, samples, suffix: file(self, samples.flip(0), suffix)),
    (CHECKS[2], Table, "rows", rows_of_likely_numbers),
    (CHECKS[2], Table, "matches", lambda self, samples, wanted: samples[:, 0] > 0),
    (CHECKS[3], Table, "figures", lambda self, samples, real, train: {"likeness": (float("nan"), None)}),
    (CHECKS[4], TableConfig, "facts", lambda self: (("name", "kind"), [("size",)])),
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_modality_passes(check: Callable[..., None]) -> None:
    check(make_case("modality", "tables/table", next(iter(tables()))))


@pytest.mark.parametrize(("check", "owner", "name", "fault"), FAULTS)
def test_a_fault_of_a_modality_is_found_by_its_check(
    check: Callable[..., None], owner: type, name: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case("modality", "tables/table", next(iter(tables())))
    monkeypatch.setattr(owner, name, fault)
    with pytest.raises((AssertionError, ValueError)):
        check(case)


def ignores_the_class(self: Any, z: Any, condition: Any) -> Any:
    return self.generator(z)


def joins_the_batch(self: Any, z: Any, condition: Any) -> Any:
    return self.generator(z + condition.float().mean())


@pytest.mark.parametrize("fault", [ignores_the_class, joins_the_batch])
def test_a_class_that_changes_nothing_or_all_is_found(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case("generator", "transfer/class-embedding", next(iter(with_classes_and_generator())))
    a_condition_changes_its_own_output_alone(case)
    monkeypatch.setattr(EmbeddedGenerator, "forward", fault)
    with pytest.raises(AssertionError):
        a_condition_changes_its_own_output_alone(case)
