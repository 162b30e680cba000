"""The order of the data: full batches, every row once an epoch, resumed to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from zoo.data.batches import Batches
from zoo.errors import ConfigError, DataError


def batches(count: int = 10, batch: int = 4, seed: int = 0) -> Batches:
    return Batches(torch.arange(100, 100 + count), batch, torch.Generator().manual_seed(seed))


def drawn(source: Batches, times: int) -> Tensor:
    return torch.cat([source.next() for _ in range(times)])


@given(count=st.integers(1, 30), batch=st.integers(1, 70), before=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_batches_are_full_and_take_every_row_once_an_epoch_and_resume(count: int, batch: int, before: int) -> None:
    """Whatever the sizes: full batches, whole epochs in the stream, and a state that goes on bit for bit."""
    whole = batches(count, batch)
    parts = [whole.next() for _ in range(before + 5)]
    assert all(len(part) == batch for part in parts)
    for epoch in torch.cat(parts).split(count):
        if len(epoch) == count:
            assert epoch.sort().values.tolist() == list(range(100, 100 + count))

    first = batches(count, batch)
    for _ in range(before):
        first.next()
    second = batches(count, batch, seed=999)
    second.load_state(first.state())
    assert torch.equal(drawn(second, 5), torch.cat(parts[before:]))
    assert second.epoch == whole.epoch


def test_a_saved_state_does_not_move_on_with_its_owner() -> None:
    source = batches()
    source.next()
    saved = source.state()
    expected = drawn(source, 8)
    again = batches(seed=5)
    again.load_state(saved)
    assert torch.equal(drawn(again, 8), expected)


def test_epochs_are_shuffled_differently() -> None:
    source = batches(50, 50)
    first, second = source.next(), source.next()
    assert first.tolist() != second.tolist()
    assert first.tolist() != sorted(first.tolist())


def test_order_depends_on_the_seed_and_on_no_other_random_number() -> None:
    torch.manual_seed(1)
    one = drawn(batches(seed=3), 6)
    torch.manual_seed(2)
    torch.rand(7)
    assert torch.equal(one, drawn(batches(seed=3), 6))
    assert not torch.equal(one, drawn(batches(seed=4), 6))


def test_state_is_whole_numbers_and_tensors() -> None:
    source = batches()
    source.next()
    assert all(isinstance(value, Tensor | int) for value in source.state().values())


@pytest.mark.parametrize("change", ["fewer rows", "position", "order"])
def test_a_state_of_other_rows_is_refused(change: str) -> None:
    source = batches(10)
    source.next()
    state = source.state()
    target = batches(9 if change == "fewer rows" else 10)
    if change == "position":
        state["position"] = 11
    if change == "order":
        state["order"] = torch.zeros(10, dtype=torch.int64)
    with pytest.raises(DataError, match="rows"):
        target.load_state(state)


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(DataError, match="no image"):
        Batches(torch.empty(0, dtype=torch.int64), 4, torch.Generator())
    with pytest.raises(ConfigError, match="batch 0"):
        batches(batch=0)
    with pytest.raises(ConfigError, match="int64"):
        Batches(torch.zeros(3), 4, torch.Generator())
