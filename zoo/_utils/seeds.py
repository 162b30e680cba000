"""Independent random streams, so that adding a module or a loss does not change the random numbers of the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["Stream", "in_parts", "per_sample", "seed_of", "seeded", "stream"]


def seed_of(seed: int, name: str) -> int:
    """A 63-bit seed from the user's seed and the stream's name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Stream(torch.Generator):
    """A random number generator that can be restricted to the rows `part` of a batch of `whole`; see `per_sample`."""

    part: slice | None = None
    whole: int = 0


def stream(seed: int, name: str) -> Stream:
    """The random number generator for `name` (data order, codes, augmentation, ...), on the CPU."""
    rng = Stream()
    rng.manual_seed(seed_of(seed, name))
    return rng


def per_sample(make: Callable[[int], Tensor], n: int, rng: torch.Generator | None) -> Tensor:
    """Random numbers for a batch's n samples: `make(m)` draws them from `rng` for m samples, (m, ...).

    Losses and penalties must draw random numbers with this function. If a batch is split (gradient accumulation,
    several processes), each part draws the numbers of the whole batch and uses those of its rows, so that splitting
    does not change them.
    """
    if isinstance(rng, Stream) and rng.part is not None and rng.part.stop - rng.part.start == n:
        return make(rng.whole)[rng.part]
    return make(n)


def in_parts(streams: Sequence[Stream], parts: Sequence[slice], whole: int) -> Iterator[slice]:
    """Iterate over the parts of a batch of `whole` samples. Each part starts with the same state of `streams`; at last
    they are in the state that the whole batch would leave."""
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
def seeded(seed: int, name: str, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed torch's default generators, the CPU's and that of `device`, for `name` while the block runs; restore their
    states at the end."""
    generators = _default_generators(torch.device(device))
    before = [rng.get_state() for rng in generators]
    for rng in generators:
        rng.manual_seed(seed_of(seed, name))
    try:
        yield
    finally:
        for rng, state in zip(generators, before, strict=True):
            rng.set_state(state)


def _default_generators(device: torch.device) -> list[torch.Generator]:
    if device.type == "cuda":
        torch.cuda.init()  # there are no generators before
        index = torch.cuda.current_device() if device.index is None else device.index
        return [torch.default_generator, torch.cuda.default_generators[index]]
    if device.type == "mps":
        return [torch.default_generator, torch.mps._get_default_mps_generator()]
    return [torch.default_generator]
