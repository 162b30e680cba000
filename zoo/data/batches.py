"""Which rows make the next batch: endless, shuffled anew every epoch, resumable bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.errors import ConfigError, DataError

__all__ = ["Batches", "PrefetchedBatches"]


class Batches:
    """Batches of row numbers: each epoch takes every row once, in a new order.

    A batch that an epoch cannot fill goes on in the next one, so every batch has exactly `batch` rows, also
    when there are fewer rows than that. The order depends on `rows` and on the seed of `rng` (a CPU generator
    that nothing else draws from), on nothing else.
    Raises DataError without rows, ConfigError for a batch below 1.
    """

    def __init__(self, rows: Tensor, batch: int, rng: torch.Generator) -> None:
        if rows.dim() != 1 or rows.dtype != torch.int64:
            raise ConfigError(f"rows are int64 (N,), got {rows.dtype} of shape {list(rows.shape)}")
        if len(rows) == 0:
            raise DataError("there is no image to train on", "Give a data set with training rows.")
        if batch < 1:
            raise ConfigError(f"batch {batch} is not a number of images", "Give at least 1.")
        self.rows = rows.clone()
        self.batch = batch
        self.epoch = 0
        self._rng = rng
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    def next(self) -> Tensor:
        """The next batch of row numbers, int64 `(batch,)`."""
        taken: list[Tensor] = []
        missing = self.batch
        while missing:
            if self._position == len(self._order):
                self._order = torch.randperm(len(self.rows), generator=self._rng)
                self._position = 0
                self.epoch += 1
            part = self._order[self._position : self._position + missing]
            self._position += len(part)
            missing -= len(part)
            taken.append(part)
        return self.rows[torch.cat(taken)]

    def state(self) -> dict[str, Tensor | int]:
        """All that is needed to go on from here: whole numbers and tensors, the generator's state too."""
        return {
            "epoch": self.epoch,
            "position": self._position,
            "order": self._order,  # never written to: an epoch makes a new one
            "rng": self._rng.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()` of the same rows. Raises DataError for a state of other rows."""
        order, position, epoch = state["order"], int(state["position"]), int(state["epoch"])
        count = len(self.rows)
        started = torch.equal(order.sort().values, torch.arange(count))
        if not (started or (len(order) == 0 and epoch == 0)) or not 0 <= position <= len(order) or epoch < 0:
            raise DataError(
                f"the saved order of {len(order)} rows is not one of these {count} rows",
                "Resume with the images that the run began with.",
            )
        self._order, self._position, self.epoch = order.clone(), position, epoch
        self._rng.set_state(state["rng"])


class PrefetchedBatches(Batches):
    """The same batches; each is passed to `prefetch` `depth` batches early, so that its samples can be read meanwhile.
    The state is that of the batches that were returned."""

    def __init__(
        self, rows: Tensor, batch: int, rng: torch.Generator, prefetch: Callable[[Tensor], None], depth: int = 4
    ) -> None:
        super().__init__(rows, batch, rng)
        self._prefetch = prefetch
        self._depth = depth
        self._queue: deque[tuple[Tensor, dict[str, Tensor | int]]] = deque()
        self._last_state = super().state()

    def next(self) -> Tensor:
        """The next batch of row numbers, int64 `(batch,)`."""
        while len(self._queue) <= self._depth:
            rows = super().next()
            self._prefetch(rows)
            self._queue.append((rows, super().state()))
        rows, self._last_state = self._queue.popleft()
        return rows

    def state(self) -> dict[str, Tensor | int]:
        """All that is needed to go on after the last batch that was returned."""
        return dict(self._last_state)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()` of the same rows. Raises like `Batches.load_state`."""
        super().load_state(state)
        self._queue.clear()
        self._last_state = super().state()
