"""Independent random streams, so that adding a module or a loss does not change the random numbers of the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor

from zoo.errors import ConfigError

__all__ = ["SampleStreams", "Seeds", "Stream", "in_parts", "names_of", "per_sample", "seed_of", "seeded", "stream"]

Seeds: TypeAlias = "int | Sequence[int | tuple[int, int]]"
"""What names each of n samples: one seed (the samples are its first n), or for each its seed, or (seed, index)."""


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


class SampleStreams(torch.Generator):
    """A random stream for each of n samples, on the CPU, which depends on the sample's seed and index alone: it is the
    same however many others are drawn. `per_sample` draws from them.

    torch's CPU generator has 32-bit seeds. Indices are consecutive and seeds a golden ratio apart (Fibonacci hashing,
    Knuth 1973, section 6.4), so that the first million samples of each of a thousand small seeds are all different.
    """

    def __new__(cls, *_: object) -> SampleStreams:
        return super().__new__(cls)

    def __init__(self, seeds: Seeds, n: int, name: str) -> None:
        self.names = names_of(seeds, n)
        self.name = name
        self.draws = 0
        self.manual_seed(seed_of(self.names[0][0] if self.names else 0, name))

    def each(self, make: Callable[[int], Tensor]) -> Tensor:
        """`make(1)` for each sample, with its stream as the state: (n, ...)."""
        base = seed_of(self.draws, self.name)
        self.draws += 1
        rows = []
        for seed, index in self.names:
            self.manual_seed((base + _GOLDEN * seed + index) % 2**32)
            rows.append(make(1))
        return torch.cat(rows)


_GOLDEN = 0x9E3779B1
"""2^32 over the golden ratio, made odd."""


def names_of(seeds: Seeds, n: int) -> list[tuple[int, int]]:
    """Seed and index of each of n samples, see `Seeds`. Raises ConfigError if there are not n."""
    if not isinstance(seeds, Sequence):
        return [(int(seeds), index) for index in range(n)]
    if len(seeds) != n:
        raise ConfigError(f"{len(seeds)} seeds are given for {n} samples", "Give one for all, or one for each.")
    return [seed if isinstance(seed, tuple) else (int(seed), 0) for seed in seeds]


def per_sample(make: Callable[[int], Tensor], n: int, rng: torch.Generator | None) -> Tensor:
    """Random numbers for a batch's n samples: `make(m)` draws them from `rng` for m samples, (m, ...).

    Losses and penalties must draw random numbers with this function. If a batch is split (gradient accumulation,
    several processes), each part draws the numbers of the whole batch and uses those of its rows, so that splitting
    does not change them. Priors draw with it too, so that each sample can have a stream of its own (`SampleStreams`).
    """
    if isinstance(rng, SampleStreams) and n == len(rng.names):
        return rng.each(make)
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
