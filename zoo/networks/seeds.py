"""Every module is initialised in a random stream of its own, so that adding one never changes another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seed_of", "seeded", "stream"]


def seed_of(seed: int, name: str) -> int:
    """A 63-bit seed that depends on the user's seed and on what it is for."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str) -> torch.Generator:
    """A random number generator of its own for `name` (data order, codes, augmentation, ...)."""
    return torch.Generator().manual_seed(seed_of(seed, name))


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Run with torch's global generator seeded for `name`; the generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, name))
        yield
