"""Checks of a strategy's plan: repeatable, without weights or side effects, and complete."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from zoo.testing.conformance.components import Check
from zoo.testing.conformance.transfer_case import TransferCase, copied, same, steps, trainer_of
from zoo.testing.conformance.watch import watching
from zoo.transfers.plan import Slot, Source, TransferPlan
from zoo.transfers.report import nets_of, report_on

__all__ = ["PLAN_CHECKS"]

_PLANNED: dict[str, Callable[[TransferPlan], Any]] = {
    "edits": lambda planned: [(edit.net, edit.tensor, edit.origin, edit.how) for edit in planned.edits],
    "frozen tensors": lambda planned: planned.frozen,
    "required tensors": lambda planned: planned.required_tensors,
    "phases": lambda planned: [(phase.after, phase.unfreezes) for phase in planned.phases],
    "recipes": lambda planned: planned.recipe,
    "notes": lambda planned: planned.notes,
}
"""What of two plans is compared, by name."""


def slots_and_requires_have_the_right_types(case: TransferCase) -> None:
    """`slots` is a frozenset of `Slot`s, `requires` one of `Source`s, `further` a tuple of names."""
    strategy = case.build()
    for name, values, kind in (("slots", strategy.slots, Slot), ("requires", strategy.requires, Source)):
        assert isinstance(values, frozenset), f"{name} is a {type(values).__name__}, not a frozenset"
        wrong = [value for value in values if not isinstance(value, kind)]
        assert not wrong, f"{name} has {wrong[0]!r}, which is no {kind.__name__}"
    assert isinstance(strategy.further, tuple), f"further is a {type(strategy.further).__name__}, not a tuple"


def planning_reads_no_weight(case: TransferCase) -> None:
    """The report of a plan on the meta device is the same as on nets with weights."""
    real = report_on(case.planned(case.source(), case.gan()), case.component, "")
    meta = report_on(case.planned(case.source("meta"), case.gan("meta")), case.component, "")
    assert real.rows == meta.rows, f"on meta it is another plan: {_different(real.rows, meta.rows)}"


def planning_twice_gives_the_same_plan(case: TransferCase) -> None:
    """Edits, frozen and required tensors, phases, recipe and notes are the same each time; planning has no side
    effect."""
    with watching() as notes:
        first, second = (case.planned(case.source("meta"), case.gan("meta")) for _ in range(2))
    assert not notes, "; ".join(notes[:3])
    for name, read in _PLANNED.items():
        one, other = read(first), read(second)
        assert one == other, f"{name} differ between two plans: {one} and {other}"


def planning_changes_neither_source_nor_random_numbers(case: TransferCase) -> None:
    """Planning, applying and training do not change the autoencoder, and do not use the global random generator."""
    source = case.source()
    before, state = copied(source), torch.get_rng_state()
    trainer = trainer_of(case, case.transferred(source, case.gan()))
    steps(trainer, 2)
    assert same(before, source.state_dict()), "the source's weights changed"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was used"


def applying_twice_gives_the_same_values(case: TransferCase) -> None:
    """Applying a plan to equal nets twice gives bitwise equal values."""
    first, second = (nets_of(case.transferred(case.source(), case.gan())) for _ in range(2))
    for net, module in first.items():
        assert same(copied(module), second[net].state_dict()), f"{net} differs"


def every_edit_names_a_tensor_and_its_origin(case: TransferCase) -> None:
    """Every edit has an existing tensor and a valid origin. In `source.<role>`, a copy of the autoencoder's net, it may
    be fresh: control strategies initialise that anew."""
    planned = case.transferred(case.source(), case.gan())
    nets = nets_of(planned) | {f"source.{role}": part for role, part in case.source("meta").parts.items()}
    for edit in planned.edits:
        origins = ("copied", "adapted", "fitted", *(("fresh",) if edit.net.startswith("source.") else ()))
        assert edit.origin in origins, f"origin {edit.origin!r}"
        assert edit.how, f"{edit.net}.{edit.tensor} does not say how"
        assert edit.net in nets, f"there is no net {edit.net!r}"
        assert edit.tensor in nets[edit.net].state_dict(), f"{edit.net} has no tensor {edit.tensor!r}"


def the_report_is_complete(case: TransferCase) -> None:
    """It lists every tensor of the final nets once; required tensors are not fresh, and frozen tensors exist."""
    planned = case.transferred(case.source(), case.gan())
    report = report_on(planned, case.component, "")
    rows = {(row.net, row.tensor): row for row in report.rows}
    assert len(rows) == len(report.rows), "a tensor is listed twice"
    listed = {id(nets_of(planned)[net].state_dict(keep_vars=True)[tensor]) for net, tensor in rows}
    existing = {id(t) for module in nets_of(planned).values() for t in module.state_dict(keep_vars=True).values()}
    assert existing <= listed, f"{len(existing - listed)} tensors are not in the report"
    for net, names in planned.required_tensors.items():
        fresh = [name for name in names if (net, name) in rows and rows[net, name].origin == "fresh"]
        assert not fresh, f"{net}.{fresh[0]} is required and is fresh"
    for net, names in planned.frozen.items():
        assert names <= set(nets_of(planned)[net].state_dict()), f"frozen names that {net} does not have"


def _different(one: Sequence[Any], other: Sequence[Any]) -> str:
    """The first pair that is not equal."""
    pairs = itertools.zip_longest(one, other)
    return next((f"{a} and {b}" for a, b in pairs if a != b), "")


PLAN_CHECKS: tuple[Check, ...] = (
    slots_and_requires_have_the_right_types,
    planning_reads_no_weight,
    planning_twice_gives_the_same_plan,
    planning_changes_neither_source_nor_random_numbers,
    applying_twice_gives_the_same_values,
    every_edit_names_a_tensor_and_its_origin,
    the_report_is_complete,
)
