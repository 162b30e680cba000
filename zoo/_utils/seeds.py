"""Every module is initialised in a random stream of its own, so that adding one never changes another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["Stream", "in_parts", "per_sample", "seed_of", "seeded", "stream"]


def seed_of(seed: int, name: str) -> int:
    """A 63-bit seed that depends on the user's seed and on what it is for."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Stream(torch.Generator):
    """A random number generator that may serve one part of a batch: `part` says which rows, `whole` how many there are
    in all. See `per_sample`."""

    part: slice | None = None
    whole: int = 0


def stream(seed: int, name: str) -> Stream:
    """A random number generator of its own for `name` (data order, codes, augmentation, ...), on the CPU."""
    made = Stream()
    made.manual_seed(seed_of(seed, name))
    return made


def per_sample(make: Callable[[int], Tensor], n: int, rng: torch.Generator | None) -> Tensor:
    """Random numbers for a batch's n samples: `make(m)` draws them from `rng` for m samples, the first dimension m.

    Draw like this in losses and penalties. Where a batch is cut into parts (gradient accumulation, several processes)
    every part then draws the whole batch's numbers and takes its own, so that the parts together see what the whole
    batch would have seen.
    """
    if isinstance(rng, Stream) and rng.part is not None and rng.part.stop - rng.part.start == n:
        return make(rng.whole)[rng.part]
    return make(n)


def in_parts(streams: Sequence[Stream], parts: Sequence[slice], whole: int) -> Iterator[slice]:
    """The parts of a batch of `whole` samples, one after the other; every one of them finds `streams` as the first did,
    and leaves them as the whole batch would."""
    before = [rng.get_state() for rng in streams]
    for i, part in enumerate(parts):
        for rng, state in zip(streams, before, strict=True):
            if i:
                rng.set_state(state)
            rng.part, rng.whole = part, whole
        yield part
    for rng in streams:
        rng.part = None


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Run with torch's global generator seeded for `name`; the generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, name))
        yield
